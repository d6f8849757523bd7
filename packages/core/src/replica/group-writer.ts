import {
  type ActorId,
  contextFor,
  EMPTY_VECTOR,
  join,
  latest,
  tick,
  timestampMs,
  type VersionVector,
  ZERO_TIMESTAMP
} from '@cis-memory/clock'
import { SEAL_RANDOM_BYTES } from '@cis-memory/store'
import { sha256 } from '../entry/hash.ts'
import { type EntryType, payloadContext, sealHeader, type UnsealedHeader } from '../entry/header.ts'
import type { Path } from '../entry/path.ts'
import { type Alternative, encodePayload, type Payload } from '../entry/payload.ts'
import type { SpaceId } from '../entry/space-keys.ts'
import { CoreError } from '../errors.ts'
import { MAX_CLOCK_AHEAD_MS, MAX_COMMIT_ENTRIES, MAX_PARENTS } from '../limits.ts'
import type { Runtime } from '../ports/runtime.ts'
import type { EntryId, SourceVersion } from '../versions.ts'
import { limitContext } from './limit-context.ts'
import { type DomainCodec, type OpenedEntry, openedEntry } from './open-entry.ts'
import type { SerialQueue } from './serial-queue.ts'
import { type StoredEntry, storedEntry } from './stored-entry.ts'
import type { Transaction } from './transaction.ts'

/** What a write is to say; its dot, time, context and parents follow from where it lands. */
export interface Draft {
  readonly path: Path
  readonly type: EntryType
  readonly alternatives: readonly Alternative[]
  readonly agent: string | undefined
  readonly sources: readonly SourceVersion[]
  /** @default false */
  readonly isOverwrite?: boolean
  /** For the save of a document. @default nothing */
  readonly dropped?: VersionVector
  /** Live versions that its writer has not seen, and what it has seen instead. @default it replaces all that is live */
  readonly spares?: { readonly ids: ReadonlySet<EntryId>; readonly seen: VersionVector } | undefined
}

export interface WrittenEntry {
  readonly path: Path
  readonly entryId: EntryId
  readonly replaced: readonly EntryId[]
}

/**
 * Decides what to write from what is live at that moment, or throws and writes nothing. No drafts at all means
 * there is nothing to do.
 */
export type Plan = (transaction: Transaction) => Promise<readonly Draft[]>

/** The domain a writer writes to. All of it is called with the replica's lock held. */
export interface WriterHost {
  readonly codec: DomainCodec
  readonly space: SpaceId
  /** Who writes, and the number of the next write. */
  readonly actor: ActorId
  readonly nextNumber: number
  /** Actors that have been succeeded by another of their device; the first to leave a context that is full. */
  isRetired(actor: ActorId): boolean
  begin(): Transaction
  /** Makes a transaction and what was applied in it durable. */
  commit(transaction: Transaction): Promise<void>
}

interface Pending {
  readonly plan: Plan
  readonly maxEntries: number
  readonly resolve: (written: readonly WrittenEntry[]) => void
  readonly reject: (error: unknown) => void
}

interface Planned {
  readonly entries: readonly OpenedEntry[]
  readonly written: readonly WrittenEntry[]
  readonly isRejected: boolean
}

/**
 * Group commit: it writes at once when idle, and what arrives while the disk is busy goes together into the next
 * commit, of up to 64 entries under one signature and one fsync.
 */
export class GroupWriter {
  readonly #host: WriterHost
  readonly #queue: SerialQueue
  readonly #runtime: Runtime
  #pending: Pending[] = []
  #isScheduled = false

  constructor(host: WriterHost, queue: SerialQueue, runtime: Runtime) {
    this.#host = host
    this.#queue = queue
    this.#runtime = runtime
  }

  /** Writes what a plan decides, all of it in one commit, and resolves when it is durable. */
  write(plan: Plan, maxEntries: number = 1): Promise<readonly WrittenEntry[]> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ plan, maxEntries, resolve, reject })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    void this.#queue.run(() => this.#flush())
  }

  async #flush(): Promise<void> {
    this.#isScheduled = false
    const group = this.#takeGroup()
    const done: { readonly pending: Pending; readonly written: readonly WrittenEntry[] }[] = []
    try {
      const transaction = this.#host.begin()
      for (const pending of group) {
        const planned = await this.#plan(pending, transaction)
        // Beyond this point a failure is the store's, and takes the whole group with it.
        for (const entry of planned.entries) await transaction.apply(entry.stored, entry)
        if (!planned.isRejected) done.push({ pending, written: planned.written })
      }
      if (transaction.applied.length > 0) await this.#host.commit(transaction)
      for (const { pending, written } of done) pending.resolve(written)
    } catch (error) {
      for (const pending of group) pending.reject(error)
    }
  }

  /** Builds what a plan decides. A plan that throws is rejected alone. */
  async #plan(pending: Pending, transaction: Transaction): Promise<Planned> {
    try {
      const drafts = await pending.plan(transaction)
      const entries = await this.#build(
        drafts,
        transaction,
        this.#host.nextNumber + transaction.applied.length
      )
      return {
        entries,
        written: entries.map((entry, at) => written(entry, drafts[at] as Draft)),
        isRejected: false
      }
    } catch (error) {
      pending.reject(error)
      return { entries: [], written: [], isRejected: true }
    }
  }

  #takeGroup(): Pending[] {
    let size = 0
    let count = 0
    for (const pending of this.#pending) {
      size += pending.maxEntries
      if (size > MAX_COMMIT_ENTRIES && count > 0) break
      count++
    }
    const group = this.#pending.slice(0, count)
    this.#pending = this.#pending.slice(count)
    if (this.#pending.length > 0) this.#schedule()
    return group
  }

  /** Builds all entries of a plan before any is applied, so that a draft that fails leaves nothing behind. */
  async #build(drafts: readonly Draft[], transaction: Transaction, first: number): Promise<OpenedEntry[]> {
    if (drafts.length > MAX_COMMIT_ENTRIES) {
      throw new CoreError(
        'CORE_TOO_MANY_VERSIONS',
        'this would take more entries than one commit has; settle it in steps'
      )
    }
    const built: OpenedEntry[] = []
    for (const draft of drafts) built.push(await this.#buildEntry(draft, transaction, first + built.length))
    return built
  }

  async #buildEntry(draft: Draft, transaction: Transaction, n: number): Promise<OpenedEntry> {
    const { codec, actor, space } = this.#host
    const isRetired = (who: ActorId): boolean => this.#host.isRetired(who)
    const path = codec.tokens.of(draft.path)
    const live = (await transaction.live(path)).map((entry) => entry.stored)
    const { spares } = draft
    const replaced = replacedBy(
      actor,
      spares === undefined ? live : live.filter(({ id }) => !spares.ids.has(id))
    )
    const header: UnsealedHeader = {
      space,
      path,
      dot: { actor, n },
      hlc: this.#stamp(live),
      type: draft.type,
      context: limitContext(contextOf(actor, replaced, spares?.seen), isRetired),
      parents: replaced.map((entry) => entry.id).sort(),
      keyId: codec.keyId
    }
    const { alternatives, agent, sources, isOverwrite = false } = draft
    const dropped = limitContext(draft.dropped ?? EMPTY_VECTOR, isRetired)
    const payload: Payload = { path: draft.path, alternatives, agent, sources, isOverwrite, dropped }
    const random = this.#runtime.random(SEAL_RANDOM_BYTES)
    const bytes = encodePayload(payload)
    const cipher = codec.seal(bytes, payloadContext(header), random)
    const stored = storedEntry(sealHeader(header, sha256(cipher), cipher.length), cipher, undefined, 0n)
    return openedEntry(stored, payload, bytes.length)
  }

  /** A time later than everything replaced and, as far as that allows, the wall clock's. */
  #stamp(live: readonly StoredEntry[]): StoredEntry['hlc'] {
    const now = this.#runtime.now()
    const stamped = tick(
      live.reduce((max, entry) => latest(max, entry.hlc), ZERO_TIMESTAMP),
      now
    )
    if (timestampMs(stamped) > now + MAX_CLOCK_AHEAD_MS) {
      throw new CoreError(
        'CORE_CLOCK_AHEAD',
        'what this would replace is dated more than 10 minutes ahead of the clock here; nothing was written. Set the clock of this device right, or wait'
      )
    }
    return stamped
  }
}

/**
 * What a write replaces: all that is live, or as much of it as one entry can name. It starts with whatever has seen
 * the writer's own last entry, as `contextFor` asks; what is spared stays a version for the next step.
 */
function replacedBy(actor: ActorId, live: readonly StoredEntry[]): readonly StoredEntry[] {
  if (live.length <= MAX_PARENTS) return live
  const seenOf = ({ dot, context }: StoredEntry): number =>
    dot.actor === actor ? dot.n : (context.get(actor) ?? 0)
  return [...live].sort((a, b) => seenOf(b) - seenOf(a)).slice(0, MAX_PARENTS)
}

function contextOf(
  actor: ActorId,
  replaced: readonly StoredEntry[],
  seen: VersionVector = EMPTY_VECTOR
): VersionVector {
  const context = contextFor(actor, replaced)
  if (seen.size === 0) return context
  return new Map([...join(context, seen)].filter(([who]) => who !== actor))
}

function written(entry: OpenedEntry, draft: Draft): WrittenEntry {
  return { path: draft.path, entryId: entry.entryId, replaced: entry.stored.header.parents }
}
