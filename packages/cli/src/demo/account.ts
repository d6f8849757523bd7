import { CliError } from '../errors.ts'
import type { Invocation } from '../invocation.ts'
import { wrap } from '../render/wrap.ts'

const INDENT = '   '

/** Tells the story of the demo, and stops it at the first claim that does not hold. */
export class Account {
  readonly #cli: Invocation
  #number = 0
  #title = ''
  #claims = 0

  constructor(cli: Invocation) {
    this.#cli = cli
  }

  /** How many claims were checked. */
  get claims(): number {
    return this.#claims
  }

  async step(title: string): Promise<void> {
    this.#number++
    this.#title = title
    const { output } = this.#cli
    if (output.isJson) return
    const { bold, cyan } = output.dataColors
    await output.line(`${this.#number === 1 ? '' : '\n'}${cyan(String(this.#number))}  ${bold(title)}`)
  }

  /**
   * States something that was checked. `found` is told when it does not hold.
   *
   * @throws {CliError} `CLI_DEMO_FAILED` when it does not hold
   */
  async claim(holds: boolean, text: string, found?: unknown): Promise<void> {
    const { output } = this.#cli
    if (output.isJson) await output.record({ step: this.#number, title: this.#title, claim: text, holds })
    if (!holds) {
      const what = found === undefined ? '' : `. Found: ${JSON.stringify(found)}`
      throw new CliError('CLI_DEMO_FAILED', `it is not true that ${text}${what}`)
    }
    this.#claims++
    if (!output.isJson) await output.line(`   ${output.dataColors.green('✓')} ${text}`)
  }

  /** Whatever went wrong, with the step it went wrong in. */
  failure(cause: unknown): CliError {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const step = `step ${this.#number} (${this.#title})`
    return new CliError('CLI_DEMO_FAILED', `${step} does not hold: ${reason}`, { cause })
  }

  /** What a command printed, as it would be seen. */
  async shown(command: string, printed: string): Promise<void> {
    const { output } = this.#cli
    if (output.isJson) return
    await output.line(`   ${output.dataColors.dim(`$ ${command}`)}`)
    for (const line of printed.trimEnd().split('\n')) await output.line(`     ${line}`)
  }

  /** A remark, broken where the terminal ends. */
  async note(text: string): Promise<void> {
    const { output } = this.#cli
    const lines = output.isTerminal ? wrap(text, output.columns - INDENT.length) : [text]
    for (const line of lines) await this.command(line)
  }

  /** A line that can be copied: it is never broken. */
  async command(line: string): Promise<void> {
    const { output } = this.#cli
    if (!output.isJson) await output.line(line === '' ? '' : `${INDENT}${line}`)
  }
}
