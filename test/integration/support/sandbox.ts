import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child } from './child.ts'

export interface StartOptions {
  /** @default the directory of the sandbox */
  readonly cwd?: string
  /** Beside those of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A temporary directory and the processes that work in it. Both are gone when it is disposed of. */
export class Sandbox implements AsyncDisposable {
  readonly directory: string
  readonly #children: Child[] = []

  private constructor(directory: string) {
    this.directory = directory
  }

  /** Its path is short: sockets have room in it. */
  static async create(): Promise<Sandbox> {
    return new Sandbox(await mkdtemp(join(tmpdir(), 'cis-it-')))
  }

  async folder(name: string): Promise<string> {
    const path = join(this.directory, name)
    await mkdir(path, { recursive: true })
    return path
  }

  /** Starts a process that ends with the sandbox at the latest. */
  start(command: string, args: readonly string[], { cwd, env }: StartOptions = {}): Child {
    const process_: ChildProcess = spawn(command, args, {
      cwd: cwd ?? this.directory,
      env: { ...process.env, CIS_HOME: undefined, NO_COLOR: '1', ...env },
      stdio: ['pipe', 'pipe', 'pipe']
    })
    const child = new Child(process_)
    this.#children.push(child)
    return child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    await Promise.all(this.#children.map((child) => child.ended))
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 })
  }
}
