import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import * as cis from '../src/index.ts'
import { twoDevices } from './devices.ts'
import { temporaryDirectory } from './temporary.ts'

/** The TypeScript examples of the README, in their order. */
async function examples(): Promise<string[]> {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  return [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => match[1]!)
}

/** Runs an example with what it leaves open, and answers what it printed. */
async function run(example: string, given: Readonly<Record<string, unknown>>): Promise<unknown[][]> {
  const body = example.replace(/import (\{[^}]*\}) from 'cis-memory'/, 'const $1 = cis')
  const wrapped = `return (async () => {\n${body}\n})()`
  const { target } = { target: ts.ScriptTarget.ES2022 }
  const { outputText } = ts.transpileModule(wrapped, { compilerOptions: { target } })
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  onTestFinished(() => log.mockRestore())
  await new Function('cis', ...Object.keys(given), outputText)(cis, ...Object.values(given))
  return log.mock.calls
}

describe('the README', () => {
  it('shows a program that runs as it stands', async () => {
    const [example] = await examples()
    const directory = join(await temporaryDirectory(), 'memory')
    const given = { directory, path: join(directory, 'key') }
    const printed = [
      [30, 'by', expect.any(String)],
      ['/acme/web/config/timeout'],
      ['private', '/acme/web/agent/status']
    ]
    expect(await run(example!, given)).toEqual(printed)
  })

  it('shows a node that runs as it stands', async () => {
    const [, example] = await examples()
    const [laptop, desktop] = await twoDevices()
    const { addresses } = await laptop.session.call('node.info', {})
    const { home } = desktop
    await desktop.session.close()
    const { keyFile: path } = cis.homeAt(home)
    await using memory = await cis.openMemory({ directory: home, key: cis.keyFile(path), scope: '/acme/web' })
    await memory.public.put('config/timeout', 30)
    const listen = example!
      .replace('/ip4/0.0.0.0/tcp/41234', '/ip4/127.0.0.1/tcp/0')
      .replace('mdns: true', '')
    await run(listen, { memory, peers: addresses, peer: addresses[0] })
    expect(await laptop.session.call('memory.get', { path: 'config/timeout' })).toMatchObject({ value: 30 })
  })
})
