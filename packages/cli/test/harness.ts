import { Readable } from 'node:stream'
import type {
  CallArguments,
  CallName,
  CallResult,
  CisSession,
  Conflict,
  EntryId,
  Notice,
  SessionOptions,
  ShownConflict,
  StreamArguments,
  StreamItem,
  StreamName,
  Version
} from 'cis-memory/session'
import type { Host, InputStream, OutputStream } from '../src/host.ts'
import { type ExitCode, type Library, run } from '../src/index.ts'

/** The moment every test runs at. */
export const NOW = Date.UTC(2026, 2, 1, 9, 30)

type Calls = { [K in CallName]?: (args: CallArguments<K>) => CallResult<K> }
type Streams = { [K in StreamName]?: (args: StreamArguments<K>) => readonly StreamItem<K>[] }

export interface Scene {
  readonly calls?: Calls
  readonly streams?: Streams
  readonly library?: Partial<Library>
  readonly via?: CisSession['via']
  /** What opening the store has brought to light. */
  readonly notice?: Notice
  /** What `.cis.toml` says. @default '/acme/web' */
  readonly projectScope?: string | undefined
  readonly stdin?: string
  /** Pressed one after the other, each (or all of a list) once the command asks. They make it a terminal. */
  readonly keys?: readonly (string | readonly string[])[]
  readonly isTerminal?: boolean
  readonly columns?: number
  readonly env?: Host['env']
  /** @default '/project' */
  readonly workingDirectory?: string
}

/** What a command line did. */
export interface Run {
  readonly exitCode: ExitCode
  readonly stdout: string
  readonly stderr: string
  /** Both as they come onto a terminal. */
  readonly screen: string
  /** Standard output line by line, each parsed. */
  readonly records: () => Record<string, unknown>[]
  /** How sessions were opened. */
  readonly opened: readonly SessionOptions[]
  /** Operations that were asked for, with their arguments. */
  readonly asked: readonly (readonly [name: string, args: unknown])[]
  readonly closed: number
  /** Keys of the scene that nobody waited for. */
  readonly unpressed: readonly unknown[]
  /** Whether the terminal was left as it was found. */
  readonly isTerminalRestored: boolean
}

/** An error as any package below would throw it. */
export function failure(code: string, fields: Readonly<Record<string, unknown>> = {}): Error {
  return Object.assign(new Error(`it failed with ${code}`), { code, ...fields })
}

/** Runs a command line against operations that a test gives. */
export async function cis(argv: readonly string[], given: Scene = {}): Promise<Run> {
  const scene = given.keys === undefined ? given : { ...given, isTerminal: true }
  const opened: SessionOptions[] = []
  const asked: [string, unknown][] = []
  let closed = 0
  const session = (options: SessionOptions): CisSession => ({
    scope: options.scope ?? '/',
    via: scene.via ?? 'socket',
    notice: scene.notice,
    async call<K extends CallName>(name: K, args: CallArguments<K>): Promise<CallResult<K>> {
      asked.push([name, args])
      const handler = scene.calls?.[name]
      if (handler === undefined) throw new Error(`the scene has no ${name}`)
      return handler(args)
    },
    async *stream<K extends StreamName>(name: K, args: StreamArguments<K>): AsyncGenerator<StreamItem<K>> {
      asked.push([name, args])
      const handler = scene.streams?.[name]
      if (handler === undefined) throw new Error(`the scene has no ${name}`)
      yield* handler(args)
    },
    close: async () => {
      closed++
    },
    [Symbol.asyncDispose]: async () => {}
  })
  const projectScope = 'projectScope' in scene ? scene.projectScope : '/acme/web'
  const library = {
    openSession: async (options: SessionOptions) => {
      opened.push(options)
      return session(options)
    },
    findScope: async () => {
      if (projectScope === undefined) throw failure('CIS_NO_SCOPE')
      return { scope: projectScope, file: '/project/.cis.toml' }
    },
    ...scene.library
  } as Library
  const interruption = new AbortController()
  const keyboard = new Keyboard(scene)
  let screen = ''
  const onText = (text: string): void => {
    screen += text
    if (PROMPT.test(text)) setImmediate(() => keyboard.press())
  }
  const stdout = new Capture(scene, onText)
  const stderr = new Capture(scene, onText)
  const exitCode = await run(argv, {
    stdin:
      scene.stdin === undefined ? keyboard : Object.assign(Readable.from([scene.stdin]), { isTTY: false }),
    stdout,
    stderr,
    env: scene.env ?? {},
    program: { typed: 'cis', executable: 'node', leadingArguments: [] },
    workingDirectory: scene.workingDirectory ?? '/project',
    userDirectory: '/people/ana',
    signal: interruption.signal,
    interrupt: () => interruption.abort(new Error('interrupted')),
    now: () => NOW,
    library: async () => library
  })
  const records = (): Record<string, unknown>[] =>
    stdout.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  const { unpressed, isRestored: isTerminalRestored } = keyboard
  const text = { stdout: stdout.text, stderr: stderr.text, screen }
  return { exitCode, ...text, records, opened, asked, closed, unpressed, isTerminalRestored }
}

/** Ends what waits for more keys than a scene has. */
const CTRL_C = '\u0003'

/** What is on the screen when a key is waited for. */
const PROMPT = / help\n$|^Press .*\n$/m

class Capture implements OutputStream {
  readonly isTTY: boolean
  readonly columns: number | undefined
  readonly #onText: (text: string) => void
  text = ''

  constructor({ isTerminal = false, columns }: Scene, onText: (text: string) => void) {
    this.isTTY = isTerminal
    this.columns = columns
    this.#onText = onText
  }

  write(chunk: string | Uint8Array): boolean {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1')
    this.text += text
    this.#onText(text)
    return true
  }

  once(): void {}
}

/** The keys of a scene. */
class Keyboard implements InputStream {
  readonly isTTY: boolean
  readonly unpressed: (string | readonly string[])[]
  readonly #listeners = new Set<(chunk: string) => void>()
  #isRaw = false
  #isFlowing = false

  constructor({ isTerminal = false, keys = [] }: Scene) {
    this.isTTY = isTerminal
    this.unpressed = [...keys]
  }

  get isRestored(): boolean {
    return !this.#isRaw && !this.#isFlowing && this.#listeners.size === 0
  }

  press(): void {
    const [key = CTRL_C, ...others] = [this.unpressed.shift() ?? CTRL_C].flat()
    for (const listener of this.#listeners) listener(key)
    if (others.length === 0) return
    this.unpressed.unshift(others)
    setImmediate(() => this.press())
  }

  setRawMode(isRaw: boolean): void {
    this.#isRaw = isRaw
  }

  on(_: 'data', listener: (chunk: string) => void): void {
    this.#listeners.add(listener)
  }

  off(_: 'data', listener: (chunk: string) => void): void {
    this.#listeners.delete(listener)
  }

  resume(): void {
    this.#isFlowing = true
  }

  pause(): void {
    this.#isFlowing = false
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {}
}

/** A version by another device unless told otherwise. */
export function version(fields: Partial<Version> & { readonly digit?: string } = {}): Version {
  const { digit = 'a', ...rest } = fields
  return {
    entryId: digit.repeat(32) as EntryId,
    actor: '1'.repeat(32) as Version['actor'],
    device: '2'.repeat(64) as Version['device'],
    deviceName: 'laptop',
    isLocal: false,
    agent: undefined,
    writtenAt: NOW - 5 * 60_000,
    parents: [],
    kind: 'value',
    index: 0,
    value: 'Tuesday',
    contentType: 'text/plain',
    category: undefined,
    tags: [],
    expiresAt: undefined,
    isOverwrite: false,
    sources: [],
    ...rest
  }
}

/** Two versions of `deploy/day` that did not see each other. */
export function conflict(fields: Partial<Conflict> = {}): Conflict {
  return {
    id: 'k7q2m4x9p3ab',
    path: '/acme/web/deploy/day',
    kind: 'edit',
    versions: [
      version({ digit: 'a', value: 'We deploy on Tuesday', isLocal: true, deviceName: 'desktop' }),
      version({ digit: 'b', value: 'We deploy on Friday' })
    ],
    detectedAt: NOW - 2 * 3_600_000,
    ...fields
  }
}

/** A conflict as `conflicts.show` gives it, of which nothing more is known. */
export function shown(fields: Partial<ShownConflict> = {}): ShownConflict {
  return {
    conflict: conflict(),
    ancestor: undefined,
    origins: [],
    policy: undefined,
    proposal: undefined,
    canPropose: false,
    ...fields
  }
}

/** A session that answers with this conflict when asked to show one. */
export function shows(fields: Partial<ShownConflict> = {}): NonNullable<Scene['calls']> {
  return { 'conflicts.show': () => shown(fields) }
}
