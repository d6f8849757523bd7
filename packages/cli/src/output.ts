import pc from 'picocolors'
import type { Environment, OutputStream } from './host.ts'
import { printableJson } from './render/terminal-text.ts'
import { wrap } from './render/wrap.ts'

export type Colors = ReturnType<typeof pc.createColors>

export interface OutputOptions {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly env: Environment
  readonly isJson: boolean
  readonly isQuiet: boolean
}

/** Back to the first column, then erase what is right of it (ECMA-48, EL). */
const CLEAR_LINE = '\r\u001b[K'

/** Used for lines when nobody knows how wide the terminal is. */
const DEFAULT_COLUMNS = 80

/**
 * Where a command prints: data to standard output, talk to standard error. With `--json`, data is one object a
 * line and there is no talk; errors are always told.
 */
export class Output {
  readonly isJson: boolean
  readonly isTerminal: boolean
  /** Colours of data, and of talk; plain where the other end shows none. */
  readonly dataColors: Colors
  readonly talkColors: Colors
  readonly #stdout: OutputStream
  readonly #stderr: OutputStream
  readonly #isTalkative: boolean
  readonly #showsProgress: boolean
  #hasProgress = false

  constructor(options: OutputOptions) {
    this.#stdout = options.stdout
    this.#stderr = options.stderr
    this.isJson = options.isJson
    this.isTerminal = options.stdout.isTTY === true
    this.#isTalkative = !options.isJson && !options.isQuiet
    this.#showsProgress = this.#isTalkative && options.stderr.isTTY === true && options.env.TERM !== 'dumb'
    this.dataColors = pc.createColors(showsColor(options.stdout, options.env))
    this.talkColors = pc.createColors(showsColor(options.stderr, options.env))
  }

  /** Width of the terminal now: a person may change it while being asked. */
  get columns(): number {
    return this.#stdout.columns || DEFAULT_COLUMNS
  }

  /** One line, or several, of data. */
  async line(text: string): Promise<void> {
    await this.raw(`${text}\n`)
  }

  /** Data exactly as it is. */
  async raw(data: string | Uint8Array): Promise<void> {
    this.#clearProgress()
    const hasRoom = this.#stdout.write(data)
    if (!hasRoom) await new Promise<void>((resolve) => this.#stdout.once('drain', resolve))
  }

  /** One object of data on a line of its own. */
  async record(value: unknown): Promise<void> {
    await this.line(printableJson(value))
  }

  /** Something for the person at the terminal, broken between words. Silent with `--quiet` and `--json`. */
  talk(text: string): void {
    this.talkCommand(this.#fitted(text))
  }

  /** The same for a line to copy, which is never broken. */
  talkCommand(line: string): void {
    if (this.#isTalkative) this.complainCommand(line)
  }

  /** Something went wrong: always told. */
  complain(text: string): void {
    this.complainCommand(this.#fitted(text))
  }

  /** The same for a line to copy. */
  complainCommand(line: string): void {
    this.#clearProgress()
    this.#stderr.write(`${line}\n`)
  }

  /** How far long work is, on one line of a terminal that whatever is printed next replaces. */
  progress(text: string): void {
    if (!this.#showsProgress) return
    this.#clearProgress()
    this.#stderr.write(this.talkColors.dim(text))
    this.#hasProgress = true
  }

  /** A pipe takes lines as they are. */
  #fitted(text: string): string {
    const { isTTY, columns } = this.#stderr
    return isTTY === true ? wrapLines(text, columns || DEFAULT_COLUMNS) : text
  }

  #clearProgress(): void {
    if (this.#hasProgress) this.#stderr.write(CLEAR_LINE)
    this.#hasProgress = false
  }
}

/** A text with its lines broken between words, rather than anywhere. */
export function wrapLines(text: string, columns: number): string {
  return text
    .split('\n')
    .flatMap((line) => wrap(line, columns))
    .join('\n')
}

/** https://no-color.org, and terminals that say they are dumb. */
function showsColor(stream: OutputStream, env: Environment): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false
  return stream.isTTY === true && env.TERM !== 'dumb'
}
