import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Nothing that these tests wait for takes longer, even on a machine that is busy. */
export const PATIENCE_MS = 60_000

/** How a process ended, and all it said. */
export interface Finished {
  readonly exitCode: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** A process, with everything it says kept. */
export class Child {
  readonly pid: number
  /** Settles when it has ended and its output is read to the end. Never rejects. */
  readonly ended: Promise<Finished>
  readonly #process: ChildProcess
  readonly #stdout: Buffer[] = []
  readonly #stderr: Buffer[] = []
  readonly #lines: string[] = []
  readonly #readers = new Set<(line: string) => void>()
  readonly #listeners = new Set<() => void>()
  #hasEnded = false

  constructor(process: ChildProcess) {
    this.#process = process
    this.pid = process.pid ?? 0
    process.stdout?.on('data', (chunk: Buffer) => this.#stdout.push(chunk))
    process.stderr?.on('data', (chunk: Buffer) => this.#stderr.push(chunk))
    process.stdin?.on('error', () => {}) // it may end before it has read everything
    if (process.stdout !== null) {
      createInterface({ input: process.stdout }).on('line', (line) => {
        this.#lines.push(line)
        for (const reader of this.#readers) reader(line)
        this.#tell()
      })
    }
    this.ended = once(process, 'close').then(([exitCode]) => {
      this.#hasEnded = true
      this.#tell()
      return { exitCode: exitCode as number | null, stdout: this.stdout, stderr: this.stderr }
    })
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#stdout)
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString()
  }

  /** Every line of its standard output so far. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** Hears every line of its standard output from now on. */
  onLine(listener: (line: string) => void): void {
    this.#readers.add(listener)
  }

  write(text: string | Uint8Array): void {
    this.#process.stdin?.write(text)
  }

  /** Ends its standard input, after these last words. */
  end(text: string | Uint8Array = ''): void {
    this.#process.stdin?.end(text)
  }

  /** Ends this one process, by its id. */
  kill(signal: NodeJS.Signals): void {
    if (!this.#hasEnded) this.#process.kill(signal)
  }

  /** The first line for which `find` answers something, and that answer. Fails when the process ends before. */
  async line<T>(find: (line: string) => T | undefined): Promise<T> {
    let at = 0
    let onNews = (): void => {}
    const look = (): T | undefined => {
      for (; at < this.#lines.length; at++) {
        const found = find(this.#lines[at] ?? '')
        if (found !== undefined) return found
      }
      return undefined
    }
    try {
      return await within(
        new Promise<T>((resolve, reject) => {
          onNews = () => {
            const found = look()
            if (found !== undefined) resolve(found)
            else if (this.#hasEnded) reject(new Error(`process ${this.pid} has ended: ${this.stderr}`))
          }
          this.#listeners.add(onNews)
          onNews()
        }),
        () => `a line of process ${this.pid}, which said ${this.stdout} and ${this.stderr}`
      )
    } finally {
      this.#listeners.delete(onNews)
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** A value, or a failure that says what was missing when it does not come in time. */
export async function within<T>(promise: Promise<T>, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${PATIENCE_MS} ms for ${what()}`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
