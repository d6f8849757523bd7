import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { CisSession } from 'cis-memory/session'
import { CliError } from '../errors.ts'
import type { Host } from '../host.ts'

/** A node that has not said by then that it listens will not. */
const START_TIMEOUT_MS = 15_000
/** A node that was asked to end and is still there after this is ended. */
const STOP_TIMEOUT_MS = 4_000
/** Kept of what a child said on standard error, for the message when it fails. */
const MAX_COMPLAINT_LENGTH = 4_000

/** What a command printed, and how it ended. */
export interface Finished {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** One device of the demo: a home of its own, and a process of its own that has the store open. */
export class DemoDevice implements AsyncDisposable {
  readonly name: string
  readonly home: string
  readonly #host: Host
  readonly #sessions: CisSession[] = []
  readonly #lost = new AbortController()
  #node: ChildProcess | undefined
  #isStopping = false
  #complaints = ''

  constructor(host: Host, directory: string, name: string) {
    this.#host = host
    this.name = name
    this.home = join(directory, name)
  }

  /**
   * Aborts when the node ends by itself. A session would find the store free and open it in this process, and the demo
   * would tell of three processes with two.
   */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** The process that has the store open. */
  get pid(): number | undefined {
    return this.#node?.pid
  }

  /** Runs one `cis` command for this device to its end, as a person would. */
  async cis(args: readonly string[], input?: string): Promise<Finished> {
    const child = this.#spawn(args, input === undefined ? 'ignore' : 'pipe')
    let stdout = ''
    let stderr = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.stdin?.end(input)
    const [exitCode] = (await once(child, 'close', { signal: this.#host.signal })) as [number | null]
    return { exitCode, stdout, stderr }
  }

  /** Runs a command that must succeed, and reads the one object it prints. */
  async cisJson<T>(args: readonly string[], input?: string): Promise<T> {
    const { exitCode, stdout, stderr } = await this.cis(['--json', ...args], input)
    if (exitCode !== 0) {
      throw new CliError(
        'CLI_DEMO_FAILED',
        `\`cis ${args.join(' ')}\` on ${this.name} ended with exit code ${exitCode}: ${complaint(stderr)}`
      )
    }
    return JSON.parse(stdout) as T
  }

  /** Starts `cis node run` as a process of its own; resolves to its addresses once it listens. */
  async startNode(): Promise<readonly string[]> {
    const child = this.#spawn(['--json', 'node', 'run'], 'ignore')
    this.#node = child
    child.once('exit', (exitCode, signal) => {
      if (this.#isStopping) return
      const how = signal ?? `exit code ${exitCode}`
      const message = `the node of ${this.name} ended in the middle of it (${how})`
      this.#lost.abort(new CliError('CLI_DEMO_FAILED', message))
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-MAX_COMPLAINT_LENGTH)
    })
    const { stdout } = child
    if (stdout === null) throw new TypeError('expected a child with a standard output')
    const lines = createInterface({ input: stdout })
    const signal = AbortSignal.any([this.#host.signal, AbortSignal.timeout(START_TIMEOUT_MS)])
    try {
      const ended = once(child, 'close', { signal }).then(() => {
        throw new Error(complaint(this.#complaints) || 'it ended at once')
      })
      const [line] = (await Promise.race([once(lines, 'line', { signal }), ended])) as [string]
      return (JSON.parse(line) as { addresses: string[] }).addresses
    } catch (cause) {
      this.#host.signal.throwIfAborted()
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new CliError('CLI_DEMO_FAILED', `the node of ${this.name} did not start: ${reason}`, { cause })
    }
  }

  /** Talks to the node through its local socket, as every other program of the same user does. */
  async session(scope: string): Promise<CisSession> {
    const library = await this.#host.library()
    const session = await library.openSession({ home: this.home, scope, signal: this.#host.signal })
    this.#sessions.push(session)
    if (session.via !== 'socket') {
      throw new CliError('CLI_DEMO_FAILED', `the node of ${this.name} does not have its store open`)
    }
    return session
  }

  /** Ends the node, by force if it will not. */
  async stop(): Promise<void> {
    this.#isStopping = true
    for (const session of this.#sessions.splice(0)) await session.close().catch(() => {})
    const node = this.#node
    if (node === undefined || node.exitCode !== null || node.signalCode !== null) return
    const ended = once(node, 'close')
    node.kill('SIGTERM')
    const force = setTimeout(() => node.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await ended
    clearTimeout(force)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #spawn(args: readonly string[], stdin: 'ignore' | 'pipe'): ChildProcess {
    const { program, env } = this.#host
    return spawn(
      program.executable,
      [...program.leadingArguments, '--home', this.home, '--no-input', ...args],
      {
        // The channel ends with this process, however that ends, and the child ends with the channel.
        stdio: [stdin, 'pipe', 'pipe', 'ipc'],
        env: { ...env, CIS_HOME: undefined }
      }
    )
  }
}

/** What a child that was told `--json` complained about, in words. */
function complaint(stderr: string): string {
  try {
    return (JSON.parse(stderr) as { error: { message: string } }).error.message
  } catch {
    return stderr.trim()
  }
}
