import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { cleanUp, LOOPBACK, within } from './nodes.ts'

const SCRIPT = fileURLToPath(new URL('./peer.mjs', import.meta.url))
export const PROTOCOL = '/test/process/1'

export interface Peer {
  readonly child: ChildProcess
  readonly at: string
  /** The value of the next line that starts with this word. */
  said(word: string): Promise<unknown>
  readonly exited: Promise<number | null>
}

/** Starts `peer.mjs`; it is killed after the test. */
export async function startPeer(
  mode: string,
  options: { seed?: string; listen?: string; target?: string } = {}
): Promise<Peer> {
  const { seed = randomBytes(32).toString('hex'), listen = LOOPBACK, target = '' } = options
  const child = spawn(process.execPath, [SCRIPT, mode, seed, listen, target], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  cleanUp(async () => {
    child.kill('SIGKILL')
  })
  const exited = new Promise<number | null>((resolve) => child.on('exit', resolve))
  const heard = new Map<string, unknown>()
  const waiting = new Map<string, (value: unknown) => void>()
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const [word, value] = JSON.parse(line) as [string, unknown]
    heard.set(word, value)
    waiting.get(word)?.(value)
  })
  const said = (word: string): Promise<unknown> =>
    within(
      20_000,
      new Promise((resolve) => {
        if (heard.has(word)) resolve(heard.get(word))
        else waiting.set(word, resolve)
      }),
      word
    )
  return { child, exited, said, at: (await said('ready')) as string }
}
