import type { Library } from './library.ts'

/** A stream to print to, and what is known about its other end. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined
  /** Width of the terminal in cells. */
  readonly columns?: number | undefined
  write(chunk: string | Uint8Array): boolean
  once(event: 'drain', listener: () => void): unknown
}

export interface InputStream extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean | undefined
  /** A terminal's: give every key as it is pressed, without showing it. */
  setRawMode?(isRaw: boolean): unknown
  on(event: 'data', listener: (chunk: Uint8Array | string) => void): unknown
  off(event: 'data', listener: (chunk: Uint8Array | string) => void): unknown
  resume(): unknown
  pause(): unknown
}

/** The environment variables that mean something here. Secrets are never among them. */
export interface Environment {
  readonly CIS_HOME?: string | undefined
  readonly EDITOR?: string | undefined
  readonly NO_COLOR?: string | undefined
  readonly TERM?: string | undefined
  readonly VISUAL?: string | undefined
}

/** How this program is started: by a person, and by a program. */
export interface Program {
  /** `cis`, or what does the same in a checkout. */
  readonly typed: string
  readonly executable: string
  /** What comes before its own arguments. */
  readonly leadingArguments: readonly string[]
}

/** All that a command touches of the process it runs in. Tests give their own. */
export interface Host {
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly env: Environment
  readonly program: Program
  readonly workingDirectory: string
  readonly userDirectory: string
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal
  /** Interrupts: a terminal that gives single keys gives Ctrl-C as one of them. */
  interrupt(): void
  /** Milliseconds since 1970. */
  now(): number
  /** Loads what does the work. Commands that only print help never ask for it. */
  library(): Promise<Library>
}
