import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Memory } from '@cis-memory/core'
import { afterEach, describe, expect, it } from 'vitest'
import { ConflictNotifier } from '../../src/holder/conflict-notifier.ts'
import { homeAt } from '../../src/index.ts'
import { MAX_NOTIFY_EVENTS } from '../../src/limits.ts'
import { contested, openDevice, sync } from '../devices.ts'
import { temporaryDirectory } from '../temporary.ts'

/** Appends what it is told to a file, a line that says so included, and waits for `go` when there is to be one. */
const LISTENER = `
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
const [out, go] = process.argv.slice(2)
appendFileSync(out, 'started\\n' + readFileSync(0, 'utf8'))
while (go !== undefined && !existsSync(go)) await new Promise((resolve) => setTimeout(resolve, 5))
`

interface Scene {
  readonly command: readonly string[]
  readonly notifier: (command: readonly string[]) => ConflictNotifier
  readonly events: EventTarget
  readonly go: string
  told(): Promise<string[]>
}

const open: ConflictNotifier[] = []

afterEach(async () => {
  for (const notifier of open.splice(0)) await notifier.close()
})

async function scene(): Promise<Scene> {
  const directory = await temporaryDirectory()
  const [script, out, go] = ['listener.mjs', 'told', 'go'].map((name) => join(directory, name)) as [
    string,
    string,
    string
  ]
  await writeFile(script, LISTENER)
  const events = new EventTarget()
  return {
    command: [process.execPath, script, out],
    notifier: (command) => {
      const notifier = new ConflictNotifier(events as unknown as Memory, command)
      open.push(notifier)
      return notifier
    },
    events,
    go,
    told: async () => (await readFile(out, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
  }
}

function settle(events: EventTarget, path: string): void {
  events.dispatchEvent(new CustomEvent('conflict:settled', { detail: { path, by: 'resolution' } }))
}

describe('the program that is told of conflicts', () => {
  it('is told one object a line, what comes while it runs at once with its next start', async () => {
    const { command, notifier, events, go, told } = await scene()
    const telling = notifier([...command, go])
    settle(events, '/a')
    settle(events, '/b')
    settle(events, '/c')
    await expect.poll(told).toHaveLength(2)
    await appendFile(go, '')
    await telling.close()
    const said = (path: string): string =>
      JSON.stringify({ event: 'conflict:settled', path, by: 'resolution' })
    expect(await told()).toEqual(['started', said('/a'), 'started', said('/b'), said('/c')])
  })

  it('is told how many there were beyond what is kept for it', async () => {
    const { command, notifier, events, go, told } = await scene()
    const telling = notifier([...command, go])
    for (let i = 0; i < MAX_NOTIFY_EVENTS + 4; i++) settle(events, `/${i}`)
    await appendFile(go, '')
    await telling.close()
    expect((await told()).at(-1)).toBe(JSON.stringify({ event: 'more', count: 3 }))
  })

  it('may be missing, fail or not listen; that is its own matter', async () => {
    const { notifier, events } = await scene()
    const impossible = ['no\0program']
    for (const command of [['/nowhere/at/all'], impossible, [process.execPath, '-e', 'process.exit(1)']]) {
      const telling = notifier(command)
      settle(events, `/${'x'.repeat(200_000)}`)
      await telling.close()
      await telling.close()
    }
  })

  it('is ended when it does not end by itself', async () => {
    const { command, notifier, events, go, told } = await scene()
    const telling = notifier([...command, go])
    settle(events, '/a')
    settle(events, '/b')
    await expect.poll(told).toHaveLength(2)
    await telling.close()
    expect(await told(), 'and not started again').toHaveLength(2)
  })

  it('is named by the configuration, and hears who is in conflict where, never what memories say', async () => {
    const { command, told } = await scene()
    const { laptop, desktop } = await contested()
    await desktop.session.close()
    const notify = `notify = ${JSON.stringify(command)}\n# No longer: `
    const { configFile } = homeAt(desktop.home)
    const config = await readFile(configFile, 'utf8')
    await writeFile(configFile, config.replace('# notify = ', notify))
    await laptop.session.call('memory.set', { path: 'plan', value: 'secret plan' })
    const again = await openDevice(desktop.home)
    await again.session.call('memory.set', { path: 'plan', value: 'other secret' })
    await sync(again)
    await again.session.close()
    const [, line] = await told()
    expect(JSON.parse(line ?? '')).toMatchObject({
      event: 'conflict:found',
      path: '/acme/web/plan',
      kind: 'edit',
      versions: [{ deviceName: 'laptop' }, { deviceName: 'desktop' }]
    })
    expect((await told()).join()).not.toContain('secret')
  })
})
