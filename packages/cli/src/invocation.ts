import { resolve } from 'node:path'
import type { CisSession, Domain, Notice } from 'cis-memory/session'
import { codeOf, usageError } from './errors.ts'
import type { Host, Program } from './host.ts'
import { Output } from './output.ts'
import { noticeText } from './render/notice.ts'
import { printableJson, printableLine } from './render/terminal-text.ts'

/** What every command accepts. */
export interface GlobalOptions {
  readonly home?: string | undefined
  readonly scope?: string | undefined
  readonly json?: boolean | undefined
  /** Commander's name for `--no-input` when it is not given. */
  readonly input?: boolean | undefined
  readonly quiet?: boolean | undefined
  readonly dryRun?: boolean | undefined
}

/** What `memory conflicts list` shows of a conflict. */
const CONFLICT_ID = /^[a-z2-7]{12}$/

/** One run of one command: its global options, where it prints, and what it opened. */
export class Invocation {
  readonly host: Host
  readonly output: Output
  readonly isDryRun: boolean
  /** Whether a person can be asked: both ends are a terminal and `--no-input` was not given. */
  readonly canAsk: boolean
  /** Whether `--no-input` was given. */
  readonly isInputRefused: boolean
  /** Whether this run wrote the scope into a file, so that what comes next needs no `--scope`. */
  hasScopeFile = false
  readonly #options: GlobalOptions
  readonly #sessions: CisSession[] = []
  /** Whether the nearest `.cis.toml` was looked for in vain. */
  #isWithoutScope = false

  constructor(host: Host, options: GlobalOptions) {
    this.host = host
    this.#options = options
    this.isDryRun = options.dryRun === true
    this.output = new Output({
      stdout: host.stdout,
      stderr: host.stderr,
      env: host.env,
      isJson: options.json === true,
      isQuiet: options.quiet === true
    })
    this.isInputRefused = options.input === false
    this.canAsk =
      !this.isInputRefused && options.json !== true && host.stdin.isTTY === true && host.stdout.isTTY === true
  }

  /** Where everything of this device lies. */
  get home(): string {
    // What `--home "$UNSET"` comes to: it did not mean the usual home.
    if (this.#options.home === '') throw usageError('--home needs the name of a directory')
    const named = this.#options.home ?? this.host.env.CIS_HOME
    if (named !== undefined && named !== '') return resolve(this.host.workingDirectory, named)
    return resolve(this.host.userDirectory, '.cis')
  }

  /** What `--scope` says, or `undefined`. */
  get givenScope(): string | undefined {
    const scope = this.#options.scope
    if (scope !== undefined && !scope.startsWith('/')) {
      throw usageError(`a scope is an absolute path: did you mean --scope ${quote(`/${scope}`)}?`)
    }
    return scope
  }

  /**
   * The scope a command on memories works in: `--scope`, or what the nearest `.cis.toml` says. There is no guess
   * from the directory's own name: two checkouts must agree, two projects must not.
   */
  async scope(): Promise<string> {
    const scope = this.givenScope ?? (await this.projectScope())
    if (scope !== undefined) return scope
    throw usageError(
      'no .cis.toml here or above says which scope this directory belongs to. ' +
        'Write one, or name a scope for this command alone with --scope PATH.',
      'init --scope /team/project'
    )
  }

  /** What the nearest `.cis.toml` says, or `undefined` when there is none. */
  async projectScope(): Promise<string | undefined> {
    const library = await this.host.library()
    try {
      return (await library.findScope(this.host.workingDirectory)).scope
    } catch (error) {
      if (codeOf(error) !== 'CIS_NO_SCOPE') throw error
      this.#isWithoutScope = true
      return undefined
    }
  }

  /** Opens memory in the scope of this directory, limited to one domain when given. */
  async memory(domain?: Domain): Promise<CisSession> {
    return this.#open(await this.scope(), domain)
  }

  /**
   * Opens public memory where a conflict is. Its id says where that is, so that one needs no scope; with one, it stays
   * in it.
   */
  async memoryOf(conflict: string): Promise<CisSession> {
    if (!CONFLICT_ID.test(conflict)) return this.memory('public')
    return this.#open(this.givenScope ?? (await this.projectScope()) ?? '/', 'public')
  }

  /** Opens what is not about memories: the device, its peers, invitations. */
  async device(scope?: string): Promise<CisSession> {
    const session = await this.#open(scope ?? this.givenScope ?? '/')
    await this.lookForScope()
    return session
  }

  /**
   * Finds out, for commands that need no scope, whether those they suggest do. A file that cannot be read is the
   * problem of a command that needs it.
   */
  async lookForScope(): Promise<void> {
    if (this.#options.scope === undefined) await this.projectScope().catch(() => undefined)
  }

  async #open(scope: string, domain?: Domain): Promise<CisSession> {
    const library = await this.host.library()
    const { signal } = this.host
    const session = await library.openSession({ home: this.home, scope, domain, signal })
    this.#sessions.push(session)
    if (session.notice !== undefined) this.tellNotice(session.notice)
    return session
  }

  /** Something about the store that its owner has to know: always told. */
  tellNotice(notice: Notice): void {
    const { output } = this
    if (output.isJson) output.complainCommand(printableJson({ notice }))
    else output.complain(`${output.talkColors.yellow('Notice:')} ${noticeText(notice)}`)
  }

  /** For commands that would do what `--dry-run` promises not to. */
  refuseDryRun(command: string): void {
    if (this.isDryRun) throw usageError(`${command} has no --dry-run; nothing was done`)
  }

  /**
   * A command line that can be copied: with the `--home` and `--scope` of this run, so that it means the same
   * thing there. A command on memories gets the whole space where no file says which scope it would work in.
   */
  command(line: string): string {
    const { home, scope: given } = this.#options
    const needsScope = !this.hasScopeFile && !line.includes('--scope')
    const scope = given ?? (this.#isWithoutScope && isAboutMemory(line) ? '/' : undefined)
    return commandLine(this.host.program, { home, scope: needsScope ? scope : undefined }, line)
  }

  /** Tells which command comes next, and what for where that does not show. */
  suggest(line: string, purpose?: string): void {
    const { dim } = this.output.talkColors
    const comment = purpose === undefined ? '' : dim(`  # ${purpose}`)
    this.output.talkCommand(`${dim('Next:')} ${this.command(line)}${comment}`)
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.splice(0)) await session.close()
  }
}

/** Whether a command works in a scope. */
export function isAboutMemory(line: string): boolean {
  return /^(?:memory|curate)\b/.test(line)
}

/** A command line for a home and a scope, as it is typed where this program runs. */
export function commandLine(
  { typed }: Program,
  { home, scope }: { readonly home?: string | undefined; readonly scope?: string | undefined },
  line: string
): string {
  const flags = [
    ...(home === undefined ? [] : ['--home', quote(home)]),
    ...(scope === undefined ? [] : ['--scope', quote(scope)])
  ]
  return [typed, ...flags, line].join(' ')
}

/** An argument as a POSIX shell needs it. */
export function quote(argument: string): string {
  const safe = printableLine(argument)
  return /^[\w@%+=:,./~-]+$/.test(safe) ? safe : `'${safe.replaceAll("'", "'\\''")}'`
}
