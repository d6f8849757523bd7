/*
 * The story: an agent plans a release on the laptop. While its model thinks, what it has read becomes contested with the
 * desktop. Both devices are in this process, each with a store of its own, and sync over loopback.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createNode, homeAt, joinHome, keyFile, type Memory, openMemory } from 'cis-memory'
import { runAgent } from './agent.ts'
import { runGuarded } from './guarded.ts'
import { startScriptedModel } from './scripted-model.ts'

const CIS = fileURLToPath(new URL('dist/bin.js', import.meta.resolve('@cis-memory/cli/package.json')))
const SCOPE = '/acme/web'
const LISTEN = ['/ip4/127.0.0.1/tcp/0']
const TASK = 'Plan the next release.'

const directory = await mkdtemp(join(tmpdir(), 'cis-agent-'))
try {
  await tell(join(directory, 'laptop'), join(directory, 'desktop'))
} finally {
  await rm(directory, { recursive: true, force: true })
}

async function tell(laptopHome: string, desktopHome: string): Promise<void> {
  await using laptop = await open(laptopHome, 'laptop')
  await using laptopNode = await createNode({ memory: laptop, listen: LISTEN })
  const { code } = await laptopNode.invite()
  await joinHome({ home: desktopHome, code, device: 'desktop' })
  await using desktop = await open(desktopHome, 'desktop')
  await using desktopNode = await createNode({ memory: desktop })
  const sync = () => desktopNode.syncWithNode(laptopNode.device)

  await laptop.public.put('deploy/day', 'We deploy on Tuesdays.')
  await sync()

  let thoughts = 0
  await using model = await startScriptedModel(async (hungUp) => {
    thoughts++
    if (thoughts !== 2) return
    // Neither has seen what the other writes.
    await write(laptop, 'laptop', 'We deploy on Tuesdays and Fridays.')
    await write(desktop, 'desktop', 'We deploy on Wednesdays.')
    await sync()
    await hungUp
  })

  const answer = await runGuarded(
    laptop,
    (context, { signal }) => {
      console.log(`The agent starts: ${TASK}`)
      const onCall = (name: string, args: string, result: string) =>
        console.log(`  ${name} ${args}\n    ${result}`)
      return runAgent(TASK, context, { baseUrl: model.baseUrl, signal, onCall })
    },
    async (message) => {
      console.log(`The agent is stopped:\n${indent(message)}`)
      await settle(laptopHome, `${message.split('\n').at(-1)} remote`)
    }
  )
  console.log(`The agent answers: ${answer}`)
  await sync()
  const plan = await desktop.public.get('release/plan')
  if (plan.state === 'value') {
    console.log(`The desktop reads, by ${plan.version.agent} on ${plan.version.deviceName}: ${plan.value}`)
  }
}

/** A memory of a home that exists or begins here. */
function open(home: string, deviceName: string): Promise<Memory> {
  return openMemory({ directory: home, key: keyFile(homeAt(home).keyFile), scope: SCOPE, deviceName })
}

async function write(memory: Memory, where: string, value: string): Promise<void> {
  // What it has read is what it may replace.
  await memory.public.get('deploy/day')
  await memory.public.put('deploy/day', value)
  console.log(`Meanwhile on the ${where}: ${value}`)
}

/** What the owner types in another terminal. The command finds this process, which has the store open. */
async function settle(home: string, command: string): Promise<void> {
  console.log(`Its owner settles it:\n  $ ${command}`)
  const args = command.split(' ').slice(1)
  const { stderr } = await promisify(execFile)(process.execPath, [
    CIS,
    '--home',
    home,
    '--scope',
    SCOPE,
    ...args
  ])
  console.log(indent(stderr.split('\n')[0] ?? ''))
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ')
}
