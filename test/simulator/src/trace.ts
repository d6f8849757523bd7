import { createHash } from 'node:crypto'

/** All that happens, as lines of text. Two runs are the same run if and only if their hashes are equal. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #onLine: ((line: string) => void) | undefined

  constructor(onLine?: (line: string) => void) {
    this.#onLine = onLine
  }

  line(text: string): void {
    this.#hash.update(text).update('\n')
    this.#onLine?.(text)
  }

  /** 16 hex digits; no line follows. */
  digest(): string {
    return this.#hash.digest('hex').slice(0, 16)
  }
}
