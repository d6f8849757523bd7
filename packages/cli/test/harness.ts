import type {
  CallArguments,
  CallName,
  CallResult,
  CisSession,
  Conflict,
  EntryId,
  SessionOptions,
  StreamArguments,
  StreamItem,
  StreamName,
  Version
} from 'cis-memory/session'
import type { Host, OutputStream } from '../src/host.ts'
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
  /** What `.cis.toml` says. @default '/acme/web' */
  readonly projectScope?: string | undefined
  readonly stdin?: string
  readonly isTerminal?: boolean
  readonly columns?: number
  readonly env?: Host['env']
}

/** What a command line did. */
export interface Run {
  readonly exitCode: ExitCode
  readonly stdout: string
  readonly stderr: string
  /** Standard output line by line, each parsed. */
  readonly records: () => Record<string, unknown>[]
  /** How sessions were opened. */
  readonly opened: readonly SessionOptions[]
  /** Operations that were asked for, with their arguments. */
  readonly asked: readonly (readonly [name: string, args: unknown])[]
  readonly closed: number
}

/** An error as any package below would throw it. */
export function failure(code: string, fields: Readonly<Record<string, unknown>> = {}): Error {
  return Object.assign(new Error(`it failed with ${code}`), { code, ...fields })
}

/** Runs a command line against operations that a test gives. */
export async function cis(argv: readonly string[], scene: Scene = {}): Promise<Run> {
  const opened: SessionOptions[] = []
  const asked: [string, unknown][] = []
  let closed = 0
  const session = (options: SessionOptions): CisSession => ({
    scope: options.scope ?? '/',
    via: scene.via ?? 'socket',
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
  const stdout = new Capture(scene)
  const stderr = new Capture(scene)
  const exitCode = await run(argv, {
    stdin: input(scene),
    stdout,
    stderr,
    env: scene.env ?? {},
    program: { typed: 'cis', executable: 'node', leadingArguments: [] },
    workingDirectory: '/project',
    userDirectory: '/people/ana',
    signal: new AbortController().signal,
    now: () => NOW,
    library: async () => library
  })
  const records = (): Record<string, unknown>[] =>
    stdout.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { exitCode, stdout: stdout.text, stderr: stderr.text, records, opened, asked, closed }
}

class Capture implements OutputStream {
  readonly isTTY: boolean
  readonly columns: number | undefined
  text = ''

  constructor({ isTerminal = false, columns }: Scene) {
    this.isTTY = isTerminal
    this.columns = columns
  }

  write(chunk: string | Uint8Array): boolean {
    this.text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1')
    return true
  }

  once(): void {}
}

function input({ stdin, isTerminal }: Scene): Host['stdin'] {
  return {
    isTTY: stdin === undefined && isTerminal === true,
    async *[Symbol.asyncIterator]() {
      if (stdin !== undefined) yield Buffer.from(stdin)
    }
  }
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
