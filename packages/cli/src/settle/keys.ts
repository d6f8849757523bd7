import type { Host } from '../host.ts'

/** A character in lower case, or the name of a key that gives none. */
export type Key = string

const NAMED: Readonly<Record<string, Key>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\u0004': 'end',
  '\u001b': 'escape'
}

/** In raw mode no signal comes of it. */
const CTRL_C = '\u0003'

/**
 * Single keys of a terminal. A key counts only while somebody waits for it: one pressed twice, or before the screen it
 * would answer was there, answers nothing. Several characters at once are a paste and count as none. Ctrl-C interrupts at any
 * time.
 */
export class Keys implements Disposable {
  readonly #host: Host
  #waiting: ((key: Key) => void) | undefined

  constructor(host: Host) {
    this.#host = host
    this.#acquire()
  }

  /** The next key that is pressed. @throws the signal's reason once it aborts */
  async next(): Promise<Key> {
    const { signal } = this.#host
    signal.throwIfAborted()
    let abort: (() => void) | undefined
    try {
      return await new Promise<Key>((resolve, reject) => {
        this.#waiting = resolve
        abort = () => reject(signal.reason)
        signal.addEventListener('abort', abort, { once: true })
      })
    } finally {
      this.#waiting = undefined
      if (abort !== undefined) signal.removeEventListener('abort', abort)
    }
  }

  /** Runs something that needs the terminal for itself. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    this[Symbol.dispose]()
    try {
      return await work()
    } finally {
      this.#acquire()
    }
  }

  [Symbol.dispose](): void {
    const { stdin } = this.#host
    stdin.off('data', this.#read)
    stdin.setRawMode?.(false)
    stdin.pause()
  }

  #acquire(): void {
    const { stdin } = this.#host
    stdin.setRawMode?.(true)
    stdin.on('data', this.#read)
    stdin.resume()
  }

  readonly #read = (chunk: Uint8Array | string): void => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
    if (text.includes(CTRL_C)) {
      this.#host.interrupt()
      return
    }
    const [character, ...others] = text
    if (character === undefined || others.length > 0) return
    // A Chinese or Japanese keyboard may give a full-width letter for the same key.
    this.#waiting?.(NAMED[character] ?? character.normalize('NFKC').toLowerCase())
  }
}
