import {
  type AbortOptions,
  type AuditMemory,
  ContestedError,
  type Domain,
  type EntryId,
  type Memory,
  type MemoryValue,
  type Written
} from '@cis-memory/core'
import type { ContextLifetime } from './context-lifetime.ts'
import type { ContextMemory } from './context-memory.ts'
import { GuardError } from './errors.ts'
import type { GuardAudit } from './guard-audit.ts'
import { renderMemories } from './render.ts'
import { placeOf, type Selected } from './selection.ts'

export interface ContextGetOptions {
  /** @default the first domain of the context */
  readonly domain?: Domain
}

export interface ContextDeleteOptions extends AbortOptions, ContextGetOptions {}

export interface ContextPutOptions extends ContextDeleteOptions {
  /** @default 'application/json', or 'application/octet-stream' for bytes */
  readonly contentType?: string
  readonly category?: string
  readonly tags?: readonly string[]
  /** Milliseconds since 1970 after which the value counts as absent. */
  readonly expiresAt?: number
}

/** What a context is made of. Only the guard puts it together. */
export interface ContextParts {
  /** The guard that checked. */
  readonly guard: object
  /** A handle on the checked scope that belongs to the context. */
  readonly view: Memory
  readonly lifetime: ContextLifetime
  readonly audit: GuardAudit
  readonly agent: string
  readonly domains: readonly Domain[]
  readonly selected: Selected
  readonly pending: number
}

/** What the executor asks of a genuine context. */
export interface Admission {
  readonly guard: object
  readonly lifetime: ContextLifetime
  readonly agent: string
  /** The scope that was checked. */
  readonly scope: string
}

type ContextMaker = (parts: ContextParts) => SafeMemoryContext

const PERMIT = Symbol('made by the guard')
let maker: ContextMaker | undefined
let admissionOfGenuine: (value: object) => Admission | undefined

/**
 * The memory an agent may have: a frozen snapshot of a scope that a check found free of conflicts. Only a
 * {@link ConflictGuard} makes one, and {@link AgentExecutor} runs agents on nothing else.
 *
 * Reads give what the snapshot held, whatever happens to the memory meanwhile. Writes go to the memory on the
 * condition that it still holds what the agent was shown, and carry the agent's name. After the context has ended
 * both throw: closed, expired, or a conflict has reached the scope.
 */
export class SafeMemoryContext implements Iterable<ContextMemory>, AsyncDisposable {
  /**
   * The registry of genuine instances. A private name is a weak set that nobody else can hold, patch or pass
   * through: copies, proxies, look-alikes and instances of another copy of this package do not have it.
   */
  readonly #parts: ContextParts
  readonly #memories: readonly ContextMemory[]
  /** What the agent has seen at each place: what it was shown, or has written itself since. */
  readonly #bases: Map<string, readonly EntryId[]>

  static {
    maker = (parts) => new SafeMemoryContext(PERMIT, parts)
    admissionOfGenuine = (value) => {
      if (!(#parts in value)) return undefined
      const { guard, lifetime, agent, view } = value.#parts
      return { guard, lifetime, agent, scope: view.scope }
    }
    Object.freeze(SafeMemoryContext.prototype)
    Object.freeze(SafeMemoryContext)
  }

  private constructor(permit: symbol, parts: ContextParts) {
    if (permit !== PERMIT) throw uncheckedContextError()
    this.#parts = parts
    this.#memories = Object.freeze([...parts.selected.memories.values()])
    this.#bases = new Map(parts.selected.bases)
    Object.freeze(this)
  }

  /** The absolute path that was checked. Relative names start here. */
  get scope(): string {
    return this.#parts.view.scope
  }

  /** The agent it was made for. */
  get agent(): string {
    return this.#parts.agent
  }

  /** What the agent reads and writes, the default first. */
  get domains(): readonly Domain[] {
    return this.#parts.domains
  }

  /** When the scope was checked, in milliseconds since 1970. */
  get checkedAt(): number {
    return this.#parts.lifetime.startedAt
  }

  /** Entries that had arrived from peers at that moment and could not be judged yet. They are in no memory here. */
  get pending(): number {
    return this.#parts.pending
  }

  /** False when memories were left out: over the limit of the request, or over 64 MiB of values. */
  get isComplete(): boolean {
    return this.#parts.selected.isComplete
  }

  /** Memories in the context. */
  get size(): number {
    return this.#memories.length
  }

  /**
   * Aborts when the context ends while an agent runs: a conflict has reached the scope (unless `onConflict` is
   * `finish`), or somebody closed the context. The reason is the error that reads and writes throw from then on.
   */
  get signal(): AbortSignal {
    return this.#parts.lifetime.signal
  }

  /** Turns false for good when a conflict reaches the scope, or the context is closed or expires. */
  get isFresh(): boolean {
    return this.#parts.lifetime.isFresh
  }

  /**
   * One memory, or `undefined` when the snapshot had none there or the request did not select it.
   *
   * @throws {GuardError} `GUARD_CONFLICT_PENDING`, `GUARD_CONTEXT_EXPIRED`, `GUARD_CONTEXT_CLOSED` after the context
   * has ended; so do all other methods.
   */
  get(path: string, options: ContextGetOptions = {}): ContextMemory | undefined {
    this.#parts.lifetime.assertUsable()
    return this.#parts.selected.memories.get(this.#place(this.#domain(options.domain), path))
  }

  /** Every memory: keys as they were asked for, then prefixes in their order, then search hits, best first. */
  list(): readonly ContextMemory[] {
    this.#parts.lifetime.assertUsable()
    return this.#memories
  }

  [Symbol.iterator](): IterableIterator<ContextMemory> {
    return this.list().values()
  }

  /**
   * The memories as text for a prompt. What a memory says cannot leave its block, and each block is labelled with
   * who wrote it: memory of peers is untrusted input.
   */
  render(): string {
    return renderMemories(this.list(), this.scope, this.pending)
  }

  /**
   * Stores a value, provided the path still holds what this agent was shown or has written there since. A path it
   * was not shown counts as empty. Reads of this context stay as they are.
   *
   * @throws {CoreError} `CORE_STALE_BASE` or `CORE_CONTESTED` when something else is there; nothing was written.
   */
  async put(path: string, value: MemoryValue, options: ContextPutOptions = {}): Promise<Written> {
    const { contentType, category, tags, expiresAt, signal } = options
    return this.#write(path, options, (memory, seen) =>
      memory.put(path, value, {
        ...seen,
        ...(contentType !== undefined && { contentType }),
        ...(category !== undefined && { category }),
        ...(tags !== undefined && { tags }),
        ...(expiresAt !== undefined && { expiresAt }),
        ...(signal !== undefined && { signal })
      })
    )
  }

  /** Deletes what is there, by the same rules as `put`. Deleting nothing resolves to `undefined`. */
  async delete(path: string, options: ContextDeleteOptions = {}): Promise<Written | undefined> {
    const { signal } = options
    return this.#write(path, options, (memory, seen) =>
      memory.delete(path, { ...seen, ...(signal !== undefined && { signal }) })
    )
  }

  /** Ends the context: it gives and writes nothing any more, and lets go of the memory. May be called twice. */
  async close(): Promise<void> {
    await this.#parts.lifetime.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #write<Result extends Written | undefined>(
    path: string,
    options: ContextDeleteOptions,
    write: (memory: DomainWriter, seen: { base: readonly EntryId[]; agent: string }) => Promise<Result>
  ): Promise<Result> {
    const { view, agent, audit, lifetime } = this.#parts
    const { scope } = view
    let announced: { of: number; memories: readonly AuditMemory[] } | undefined
    let written: Result
    let memory: AuditMemory
    try {
      lifetime.assertUsable()
      const domain = this.#domain(options.domain)
      const at = view.within(path).scope
      const place = placeOf(domain, at)
      const base = this.#bases.get(place) ?? []
      memory = { domain, path: at, entryIds: base }
      const memories = [memory]
      announced = { of: await audit.record({ kind: 'write', agent, scope, memories }), memories }
      lifetime.assertUsable()
      // What a policy had settled when the agent was shown it may be contested by now, with the same versions.
      const now = await view[domain].get(at)
      if (now.state === 'conflict') throw new ContestedError(at, now.conflict.id)
      written = await write(view[domain], { base, agent })
      if (written !== undefined) this.#bases.set(place, [written.entryId])
    } catch (error) {
      return audit.refuse(error, { agent, scope, signal: options.signal, ...announced })
    }
    const entryIds = written === undefined ? [] : [written.entryId]
    const memories = [{ ...memory, entryIds }]
    await audit.record(
      { kind: 'written', agent, scope, memories, of: announced.of },
      'what was to be written is written'
    )
    return written
  }

  #domain(asked: Domain | undefined): Domain {
    const domain = asked ?? this.#parts.domains[0]
    if (domain === undefined || !this.#parts.domains.includes(domain)) {
      throw new RangeError(`domain: this context covers ${this.#parts.domains.join(' and ')} memory only`)
    }
    return domain
  }

  #place(domain: Domain, path: string): string {
    return placeOf(domain, this.#parts.view.within(path).scope)
  }
}

type DomainWriter = Pick<Memory['private'], 'put' | 'delete'>

/**
 * The only way to make a context, handed out once: `conflict-guard.ts` takes it as it loads, and whoever else imports
 * this file comes too late.
 */
export function takeContextMaker(): ContextMaker {
  const taken = maker
  maker = undefined
  if (taken === undefined) throw uncheckedContextError()
  return taken
}

/**
 * What is known of a genuine context.
 *
 * @throws {GuardError} `GUARD_UNCHECKED_CONTEXT` for everything else.
 */
export function admit(value: unknown): Admission {
  const admission = typeof value === 'object' && value !== null ? admissionOfGenuine(value) : undefined
  if (admission === undefined) throw uncheckedContextError()
  return admission
}

export function uncheckedContextError(): GuardError {
  return new GuardError(
    'GUARD_UNCHECKED_CONTEXT',
    'agents run on a SafeMemoryContext of this guard and on nothing else; no agent was started. ' +
      'Make one with checkAndCreateContext'
  )
}
