import { type IPty, spawn } from '@lydell/node-pty'
import { within } from './child.ts'
import { CIS, type Device } from './device.ts'

/** How wide it is, and what is said to the process in it. */
export interface TerminalOptions {
  readonly columns: number
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** `cis` in a terminal of its own, as a person has it in front of them. */
export class Terminal implements AsyncDisposable {
  readonly #pty: IPty
  /** Resolves to the exit code. */
  readonly ended: Promise<number>
  #screen = ''
  #read = 0
  #onNews = (): void => {}

  constructor(device: Device, args: readonly string[], { columns, env }: TerminalOptions) {
    this.#pty = spawn(process.execPath, [CIS, '--home', device.home, ...args], {
      cols: columns,
      rows: 60,
      cwd: device.directory,
      env: { ...process.env, CIS_HOME: undefined, NO_COLOR: '1', ...env }
    })
    this.#pty.onData((text) => {
      this.#screen += text.replaceAll('\r\n', '\n')
      this.#onNews()
    })
    this.ended = new Promise((resolve) => this.#pty.onExit(({ exitCode }) => resolve(exitCode)))
  }

  /** All that was ever on the screen. */
  get screen(): string {
    return this.#screen
  }

  /** Waits for a text after the one that was last waited for; resolves to all that comes before its end. */
  async shows(what: string): Promise<string> {
    const look = (): string | undefined => {
      const at = this.#screen.indexOf(what, this.#read)
      if (at === -1) return undefined
      const news = this.#screen.slice(this.#read, at + what.length)
      this.#read = at + what.length
      return news
    }
    const shown = new Promise<string>((resolve) => {
      this.#onNews = () => {
        const found = look()
        if (found !== undefined) resolve(found)
      }
      this.#onNews()
    })
    return within(shown, () => `${what} on the screen, which showed ${this.#screen}`)
  }

  /** Presses a key, or types a line. */
  press(key: string): void {
    this.#pty.write(key)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pty.kill('SIGKILL')
    await this.ended
  }
}
