import { type ChildProcess, spawn } from 'node:child_process'
import type { Conflict, Memory, MemoryEvents } from '@cis-memory/core'
import { MAX_NOTIFY_EVENTS, NOTIFY_CLOSE_MS, NOTIFY_TIMEOUT_MS } from '../limits.ts'

/**
 * Tells a program of the owner's what happens to conflicts, and when two copies of a store write. It gets one JSON object
 * a line on its standard input: where and between whom, never what a memory says, and nothing as an argument, which every
 * user of the machine could read. One runs at a time; what comes meanwhile waits for the next. Its failures are its own:
 * nothing here waits for it.
 */
export class ConflictNotifier {
  readonly #command: readonly string[]
  readonly #listening = new AbortController()
  #waiting: object[] = []
  #missed = 0
  #running: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()

  /** @param command the program and its arguments; there is one at least */
  constructor(memory: Memory, command: readonly string[]) {
    this.#command = command
    this.#listen(memory, 'conflict:found', summaryOf)
    this.#listen(memory, 'conflict:settled', ({ path, by }) => ({ path, by }))
    this.#listen(memory, 'conflict:window', (notice) => notice)
    this.#listen(memory, 'conflict:threshold', (notice) => notice)
    this.#listen(memory, 'fork:found', (found) => found)
    this.#listen(memory, 'epoch:started', (started) => started)
  }

  /** Tells that a model was to merge a conflict and did not. */
  mergeFailed(id: string, path: string, code: string): void {
    this.#tell({ event: 'merge:failed', id, path, code })
  }

  /** Gives the program a moment for what was not told yet, then ends it. May be called twice. */
  async close(): Promise<void> {
    this.#listening.abort()
    const timeout = setTimeout(() => {
      this.#waiting = []
      this.#running?.kill('SIGKILL')
    }, NOTIFY_CLOSE_MS)
    while (this.#running !== undefined) await this.#ended
    clearTimeout(timeout)
  }

  #listen<K extends keyof MemoryEvents>(
    memory: Memory,
    type: K,
    toDetail: (detail: MemoryEvents[K]['detail']) => object
  ): void {
    const { signal } = this.#listening
    memory.addEventListener(type, ({ detail }) => this.#tell({ event: type, ...toDetail(detail) }), {
      signal
    })
  }

  #tell(event: object): void {
    if (this.#waiting.length < MAX_NOTIFY_EVENTS) this.#waiting.push(event)
    else this.#missed++
    if (this.#running === undefined) this.#run()
  }

  #run(): void {
    const [program, ...given] = this.#command
    if (program === undefined || this.#waiting.length === 0) return
    const lines = this.#waiting.map((event) => `${JSON.stringify(event)}\n`)
    if (this.#missed > 0) lines.push(`${JSON.stringify({ event: 'more', count: this.#missed })}\n`)
    this.#waiting = []
    this.#missed = 0
    const child = start(program, given)
    if (child === undefined) return
    this.#running = child
    this.#ended = new Promise((resolve) => {
      const end = (): void => {
        if (this.#running !== child) return
        this.#running = undefined
        this.#run()
        resolve()
      }
      child.once('close', end)
      child.once('error', end)
    })
    child.unref()
    // A program that does not read what it is told has been told all the same.
    child.stdin?.on('error', () => {})
    child.stdin?.end(lines.join(''))
  }
}

/**
 * A program that cannot be started at all is one that fails. Without a file descriptor to spare it has no input either.
 */
function start(program: string, given: readonly string[]): ChildProcess | undefined {
  const options = { timeout: NOTIFY_TIMEOUT_MS, killSignal: 'SIGKILL', shell: false } as const
  try {
    return spawn(program, given, { ...options, stdio: ['pipe', 'ignore', 'ignore'] })
  } catch {
    return undefined
  }
}

/** Each field is named, so that what a memory says stays out. */
function summaryOf({ id, path, kind, detectedAt, versions }: Conflict): object {
  return {
    id,
    path,
    kind,
    detectedAt,
    versions: versions.map(({ deviceName, device, agent, writtenAt }) => ({
      device,
      deviceName,
      agent,
      writtenAt
    }))
  }
}
