import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../dist/bin.js', import.meta.url))

/** A node that has not said by then that it listens will not. */
const START_TIMEOUT_MS = 15_000

export interface Finished {
  readonly exitCode: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** A temporary directory with a home in it, and the real command. */
export class RealHome implements AsyncDisposable {
  readonly directory: string
  readonly home: string

  private constructor(directory: string) {
    this.directory = directory
    this.home = join(directory, 'home')
  }

  /** An empty directory; nothing is set up in it. */
  static async create(): Promise<RealHome> {
    return new RealHome(await mkdtemp(join(tmpdir(), 'cis-real-')))
  }

  /** One with a space and the scope `/acme/web`. */
  static async init(): Promise<RealHome> {
    const made = await RealHome.create()
    await made.must('init', '--space', 'test', '--scope', '/acme/web', '--listen', '/ip4/127.0.0.1/tcp/0')
    return made
  }

  /**
   * Runs `cis` in the directory to its end; `leavesEarly` reads no further than its first output. It prints to the file
   * descriptor `stdout` when there is one.
   */
  async cis(
    args: readonly string[],
    input: string | Uint8Array = '',
    { leavesEarly = false, stdout: descriptor }: { leavesEarly?: boolean; stdout?: number } = {}
  ): Promise<Finished> {
    const child = spawn(process.execPath, [BIN, '--home', this.home, ...args], {
      cwd: this.directory,
      stdio: ['pipe', descriptor ?? 'pipe', 'pipe']
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout.push(chunk)
      if (leavesEarly) child.stdout?.destroy()
    })
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.stdin?.on('error', () => {}) // a command that reads nothing may end before it is written to
    child.stdin?.end(input)
    const [exitCode] = (await once(child, 'close')) as [number | null]
    return { exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }
  }

  /** Runs what must succeed; resolves to its standard output. */
  async must(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.cis(args)
    if (exitCode !== 0) throw new Error(`cis ${args.join(' ')} ended with ${exitCode}: ${stderr}`)
    return stdout.toString()
  }

  /** Runs `cis node run` until the result is disposed of. */
  async node(): Promise<AsyncDisposable & { readonly pid: number; readonly addresses: readonly string[] }> {
    const child = spawn(process.execPath, [BIN, '--home', this.home, '--json', 'node', 'run'], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc']
    })
    let stderr = ''
    child.stderr?.on('data', (chunk) => {
      stderr += String(chunk)
    })
    const ended = once(child, 'close')
    const signal = AbortSignal.timeout(START_TIMEOUT_MS)
    const line = await Promise.race([
      once(child.stdout!, 'data', { signal }),
      ended.then(() => {
        throw new Error(`the node ended: ${stderr}`)
      })
    ])
    const { pid, addresses } = JSON.parse(String(line[0])) as { pid: number; addresses: string[] }
    return {
      pid,
      addresses,
      [Symbol.asyncDispose]: async () => {
        child.kill('SIGTERM')
        await ended
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }
}
