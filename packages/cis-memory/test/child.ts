import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { OperationName } from '../src/index.ts'

/** Another process with a session of its own, on the built package. */
export class SessionProcess {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(home: string, scope: string) {
    const script = fileURLToPath(new URL('children/session.mjs', import.meta.url))
    this.#child = spawn(process.execPath, [script, home, scope], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
    onTestFinished(() => this.kill())
  }

  /** How it reached the store. */
  async ready(): Promise<unknown> {
    const [word, via] = await this.#next()
    if (word !== 'ready') throw new Error(`the process said ${word}`)
    return via
  }

  async ask(kind: 'call' | 'stream', name: OperationName, args: object = {}): Promise<readonly unknown[]> {
    this.#child.stdin!.write(`${JSON.stringify([kind, name, args])}\n`)
    return this.#next()
  }

  async close(): Promise<void> {
    this.#child.stdin!.end('close\n')
    await this.#exited()
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited()
  }

  async #exited(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
  }

  async #next(): Promise<readonly unknown[]> {
    const { done, value } = await this.#lines.next()
    if (done === true) throw new Error('the process has ended')
    return JSON.parse(value)
  }
}
