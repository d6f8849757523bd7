import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Child, within } from './child.ts'
import type { Sandbox } from './sandbox.ts'

const SCRIPT = fileURLToPath(new URL('../children/app.mjs', import.meta.url))

const SHELL_BLOCK_BYTES = 512

/** What an app says of an operation that failed. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: string | undefined
  /** The whole of what was said. */
  readonly told: string

  constructor(told: { readonly code?: string; readonly message: string }) {
    super(told.message)
    this.code = told.code
    this.told = JSON.stringify(told)
  }
}

/** Something that a program was told is durable. */
export interface Acknowledged {
  readonly domain: 'public' | 'private' | 'document' | 'audit'
  /** Absolute, but for a document. */
  readonly path: string
  /** What an import wrote has none. */
  readonly entryId?: string
  readonly replaced?: readonly string[]
  /** What was typed into a document. */
  readonly word?: string
  /** How far the audit log went. */
  readonly head?: { readonly seq: number; readonly digest: string }
}

export interface AppOptions {
  /** How far its clock is off. */
  readonly clockOffsetMs?: number
  /** Larger files are refused to it, as if the disk were full. */
  readonly maxFileBytes?: number
  /** Where it dies. See `children/doom.mjs`. */
  readonly doomed?: Doom
}

/** The step of what a program writes at which it dies, and where in it. */
export interface Doom {
  readonly steps: number
  readonly when: 'before' | 'during' | 'after'
}

type Told = { readonly code?: string; readonly message: string }
type Line =
  | readonly [id: number, 'ok', unknown]
  | readonly [id: number, 'error', Told]
  | readonly [0, 'wrote', Acknowledged]

interface Question {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

/** A program that has a home open through the library, in a process of its own. See `children/app.mjs`. */
export class App {
  readonly home: string
  readonly child: Child
  /** What it was told is durable, in order. */
  readonly wrote: Acknowledged[] = []
  readonly #open = new Map<number, Question>()
  #asked = 0

  private constructor(home: string, child: Child) {
    this.home = home
    this.child = child
    child.onLine((line) => this.#hear(JSON.parse(line) as Line))
    void child.ended.then(({ stderr }) => {
      const gone = new Error(`the program on ${home} has ended: ${stderr}`)
      for (const { reject } of this.#open.values()) reject(gone)
      this.#open.clear()
    })
  }

  static start(sandbox: Sandbox, name: string, options: AppOptions = {}): App {
    const home = join(sandbox.directory, name)
    const { maxFileBytes, ...others } = options
    const command = [process.execPath, SCRIPT, home, JSON.stringify(others)]
    if (maxFileBytes === undefined)
      return new App(home, sandbox.start(command[0] as string, command.slice(1)))
    const blocks = Math.ceil(maxFileBytes / SHELL_BLOCK_BYTES)
    const limited = `trap "" XFSZ; ulimit -f ${blocks}; exec "$@"`
    return new App(home, sandbox.start('sh', ['-c', limited, 'sh', ...command]))
  }

  /** Has it do one thing. Several may be under way. @throws {AppError} when that fails there */
  async ask<T = unknown>(name: string, argument: object = {}): Promise<T> {
    const id = ++this.#asked
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#open.set(id, { resolve, reject })
    })
    this.child.write(`${JSON.stringify([id, name, argument])}\n`)
    return (await within(answer, () => `${name} of the program on ${this.home}`)) as T
  }

  /** Ends it as a power switch would. */
  async crash(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.child.ended
  }

  async close(): Promise<void> {
    await this.ask('close')
    this.child.end()
    await this.child.ended
  }

  #hear([id, outcome, result]: Line): void {
    if (outcome === 'wrote') {
      this.wrote.push(result)
      return
    }
    const question = this.#open.get(id)
    this.#open.delete(id)
    if (outcome === 'ok') question?.resolve(result)
    else question?.reject(new AppError(result))
  }
}
