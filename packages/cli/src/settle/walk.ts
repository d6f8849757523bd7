import type { CisSession, ShownConflict } from 'cis-memory/session'
import { codeOf } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { explain } from '../explain.ts'
import type { Invocation } from '../invocation.ts'
import { showConflict } from '../render/conflict.ts'
import { keyWithin } from '../render/paths.ts'
import { printableLine, printableText } from '../render/terminal-text.ts'
import { count } from '../render/time.ts'
import { type Answer, ask } from './ask.ts'
import type { Made } from './edit.ts'
import { Keys } from './keys.ts'
import { tellChanges } from './stale.ts'

/** Where a conflict was: it is looked up again when its turn comes. */
export interface Target {
  readonly id: string
  readonly path: string
}

/**
 * Lets a person at the terminal settle conflicts one after the other.
 *
 * @param tool the merge tool that one key opens, when one was named
 * @param written what was written for the first of them before it changed
 * @returns whether any is open in the scope then
 */
export async function walk(
  cli: Invocation,
  session: CisSession,
  targets: readonly Target[],
  tool: string | undefined,
  written?: Made
): Promise<ExitCode> {
  cli.refuseDryRun('settling conflicts one after the other')
  using keys = new Keys(cli.host)
  return await new Walk(cli, session, targets, keys, tool, written).run()
}

/** The same with all conflicts that are open in the session's scope. */
export async function walkAll(
  cli: Invocation,
  session: CisSession,
  tool: string | undefined
): Promise<ExitCode> {
  const { signal } = cli.host
  const targets: Target[] = []
  for await (const { id, path } of session.stream('conflicts.list', {}, { signal }))
    targets.push({ id, path })
  if (targets.length > 0) return walk(cli, session, targets, tool)
  cli.output.talk(`No conflicts in ${printableLine(session.scope)}: agents can work here.`)
  return EXIT.done
}

class Walk {
  readonly #cli: Invocation
  readonly #session: CisSession
  readonly #keys: Keys
  readonly #tool: string | undefined
  readonly #waiting: Target[]
  readonly #total: number
  /** What was settled here, latest last. */
  readonly #settled: Target[] = []
  /** What a person wrote that could not be stored, and where. */
  #written: { readonly path: string; readonly made: Made } | undefined
  #open = 0

  constructor(
    cli: Invocation,
    session: CisSession,
    targets: readonly Target[],
    keys: Keys,
    tool: string | undefined,
    written: Made | undefined
  ) {
    this.#cli = cli
    this.#session = session
    this.#keys = keys
    this.#tool = tool
    this.#waiting = [...targets]
    this.#total = targets.length
    const [first] = targets
    if (first !== undefined && written !== undefined) this.#written = { path: first.path, made: written }
  }

  async run(): Promise<ExitCode> {
    await this.#count()
    for (let target = this.#waiting.shift(); target !== undefined; target = this.#waiting.shift()) {
      if (!(await this.#settle(target))) break
    }
    this.#tellEnd()
    return this.#open > 0 ? EXIT.contested : EXIT.done
  }

  /** Resolves to whether to go on with the next. */
  async #settle(target: Target): Promise<boolean> {
    const { output } = this.#cli
    for (;;) {
      const shown = await this.#find(target)
      if (shown === undefined) {
        output.talk(`${keyWithin(this.#session.scope, target.path)} has been settled by somebody else.`)
        this.#tellWritten()
        return true
      }
      await this.#rule()
      await showConflict(this.#cli, this.#session.scope, shown)
      const isOneOfMany = this.#waiting.length > 0
      const canUndo = this.#settled.length > 0
      const answer = await ask(this.#cli, this.#session, this.#keys, shown, {
        tool: this.#tool,
        written: this.#written?.path === target.path ? this.#written.made : undefined,
        canUndo,
        isOneOfMany
      })
      switch (answer.type) {
        case 'settle':
          if (await this.#resolve(shown, answer)) return true
          continue
        case 'undo':
          this.#waiting.unshift(target)
          await this.#undo()
          return true
        case 'again':
          continue
        case 'skip':
        case 'quit':
          this.#tellWritten()
          return answer.type === 'skip'
      }
    }
  }

  async #resolve({ conflict }: ShownConflict, made: Answer & { type: 'settle' }): Promise<boolean> {
    const { choice, said } = made
    const { output, host } = this.#cli
    const { signal } = host
    const { id, path, versions } = conflict
    const key = keyWithin(this.#session.scope, path)
    try {
      const resolution = await this.#session.call('conflicts.resolve', { id, path, choice }, { signal })
      this.#settled.push({ id, path })
      this.#written = undefined
      await this.#count()
      const left = this.#open === 0 ? 'None left.' : `${count(this.#open, 'conflict')} left.`
      output.talk(`${output.talkColors.green('Settled')} ${key}: ${said}. ${left}`)
      for (const beside of resolution.alsoWritten) {
        output.talk(`Kept beside it: ${keyWithin(this.#session.scope, beside)}`)
      }
      return true
    } catch (error) {
      signal.throwIfAborted()
      if (codeOf(error) === undefined) throw error
      if (codeOf(error) === 'CORE_STALE_CONFLICT') await tellChanges(this.#cli, this.#session, path, versions)
      else output.complain(explain(error).message)
      if (made.text !== undefined) this.#written = { path, made }
      return false
    }
  }

  /** Puts what a person wrote in vain where it can be copied from. */
  #tellWritten(): void {
    const text = this.#written?.made.text
    this.#written = undefined
    if (text !== undefined)
      this.#cli.output.complainCommand(`What you wrote was not stored:\n${printableText(text)}`)
  }

  async #undo(): Promise<void> {
    const { output, host } = this.#cli
    const { signal } = host
    const last = this.#settled.pop()
    if (last === undefined) return
    try {
      await this.#session.call('conflicts.undo', { conflict: last.path }, { signal })
      output.talk(`Undone: ${keyWithin(this.#session.scope, last.path)} is as it was before.`)
      this.#waiting.unshift(last)
    } catch (error) {
      signal.throwIfAborted()
      if (codeOf(error) === undefined) throw error
      output.complain(explain(error).message)
    }
    await this.#count()
  }

  async #find({ path, id }: Target): Promise<ShownConflict | undefined> {
    const { signal } = this.#cli.host
    // By its place, since what is there now is what is to be settled; what has no name is known by its id alone.
    const conflict = path.startsWith('/\u0000') ? id : path
    try {
      return await this.#session.call('conflicts.show', { conflict }, { signal })
    } catch (error) {
      if (codeOf(error) === 'CORE_CONFLICT_NOT_FOUND') return undefined
      throw error
    }
  }

  async #count(): Promise<void> {
    const { signal } = this.#cli.host
    this.#open = await this.#session.call('conflicts.count', {}, { signal })
  }

  /** A line above each conflict of several: which one it is, and how many there are. */
  async #rule(): Promise<void> {
    const { output } = this.#cli
    if (this.#total < 2) return
    const at = this.#total - this.#waiting.length
    const text = `── ${at} of ${this.#total} · ${this.#open} open `
    await output.line(`\n${output.dataColors.dim(text.padEnd(output.columns, '─'))}`)
  }

  #tellEnd(): void {
    const { output } = this.#cli
    if (this.#settled.length === 0) output.talk('Nothing was settled; every version is kept.')
    if (this.#open > 0) {
      output.talk(`${count(this.#open, 'conflict is', 'conflicts are')} open in this scope.`)
      this.#cli.suggest('memory conflicts resolve')
      return
    }
    if (this.#settled.length > 0) {
      output.talk('No conflict is left in this scope: agents can work here again.')
      this.#cli.suggest('memory sync', 'so that the others follow')
    }
  }
}
