import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Child } from './support/child.ts'
import { CIS } from './support/device.ts'
import { Sandbox } from './support/sandbox.ts'

const STEPS = [
  'One device makes a space and invites two others',
  'It imports Markdown; the others receive it',
  'Two devices change the same memory without having seen each other',
  'They sync: both versions are kept, on every device',
  'The guard refuses to run an agent in that scope',
  'An owner settles it on one device; the others follow',
  'The guard delivers, and the agent writes back through what it was given',
  "The desktop's private memory is nowhere else",
  'What happened'
]
const CANNOT_LISTEN = new URL('children/cannot-listen.mjs', import.meta.url).href

/** What it takes beside all other tests; with a machine to itself it is under 30 seconds. */
const DEMO_MS = 120_000

let sandbox: Sandbox

beforeEach(async () => {
  sandbox = await Sandbox.create()
})

afterEach(async () => {
  await sandbox[Symbol.asyncDispose]()
})

function demo(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Child {
  return sandbox.start(process.execPath, [CIS, 'demo', ...args], {
    env: { TMPDIR: sandbox.directory, ...env }
  })
}

function stepsOf(child: Child): string[] {
  return child.lines.flatMap((line) => /^\d+ {2}(.*)$/.exec(line)?.[1] ?? [])
}

/** The processes that the demo says it has started. */
async function processesOf(child: Child): Promise<number[]> {
  return child.line((line) =>
    /three processes run: (.*)$/
      .exec(line)?.[1]
      ?.split(', ')
      .map((pid) => Number(pid))
  )
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function expectNothingLeft(pids: readonly number[]): Promise<void> {
  expect(pids.filter(isRunning)).toEqual([])
  expect(await readdir(sandbox.directory)).toEqual([])
}

describe('cis demo', () => {
  it(
    'tells the whole story in order, checks every claim in it, and leaves nothing behind',
    async () => {
      const child = demo()
      const pids = await processesOf(child)
      expect(new Set(pids).size).toBe(3)
      const { exitCode, stderr } = await child.ended
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      expect(stepsOf(child)).toEqual(STEPS)
      const claims = child.lines.filter((line) => line.startsWith('   ✓ ')).length
      expect(claims).toBeGreaterThan(20)
      expect(child.stdout.toString()).toContain(`${claims} claims were checked`)
      await expectNothingLeft(pids)
    },
    DEMO_MS
  )

  it(
    'waits with --pause until the command it shows has settled the conflict, in another process',
    async () => {
      const child = demo(['--pause'])
      const pids = await processesOf(child)
      const command = await child.line((line) => /^ +(\S.* conflicts resolve \w+ local\b.*)$/.exec(line)?.[1])
      expect(stepsOf(child)).toEqual(STEPS.slice(0, 6))
      const settled = await sandbox.start('sh', ['-c', command]).ended
      expect(settled).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('Settled') })
      const { exitCode, stderr } = await child.ended
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      expect(stepsOf(child)).toEqual(STEPS)
      await expectNothingLeft(pids)
    },
    DEMO_MS
  )

  it('fails where no device may listen, and names the step', async () => {
    const { exitCode, stderr } = await demo([], { NODE_OPTIONS: `--import=${CANNOT_LISTEN}` }).ended
    expect(exitCode).toBe(1)
    expect(stderr).toContain(`step 1 (${STEPS[0]}) does not hold`)
    expect(stderr).toContain('cannot listen')
    await expectNothingLeft([])
  })

  it(
    'fails when a device is lost on the way, and names the step',
    async () => {
      const child = demo(['--json'])
      const claim = await child.line((line) => /three processes run: .*, (\d+)"/.exec(line)?.[1])
      const folder = (await readdir(sandbox.directory)).find((name) => name.startsWith('cis-demo-'))
      await rm(join(sandbox.directory, folder ?? '', 'tablet'), { recursive: true })
      process.kill(Number(claim), 'SIGKILL')
      const { exitCode, stderr } = await child.ended
      expect(exitCode).toBe(1)
      const { error } = JSON.parse(stderr) as { error: { code: string; message: string } }
      expect(error.code).toBe('CLI_DEMO_FAILED')
      expect(error.message).toMatch(/^step [2-8] \(.+\) does not hold: /)
      expect(child.stdout.toString()).not.toContain('isDone')
      await expectNothingLeft([])
    },
    DEMO_MS
  )
})
