import { type ActorId, EMPTY_VECTOR, join, type VersionVector } from '@cis-memory/clock'
import { applyUpdate, compareIDs, Doc, encodeStateAsUpdate } from 'yjs'
import { conflictId, conflictKind } from '../conflict/detect.ts'
import type { Path } from '../entry/path.ts'
import { type Alternative, DELETED } from '../entry/payload.ts'
import { ContestedError, CoreError } from '../errors.ts'
import { DOC_SAVE_DELAY_MS, DOC_SAVE_MAX_DELAY_MS, MAX_VALUE_BYTES } from '../limits.ts'
import type { MemoryDoc } from '../memory-types.ts'
import type { Draft } from '../replica/group-writer.ts'
import type { OpenedEntry } from '../replica/open-entry.ts'
import { droppedBelow } from '../replica/replaces.ts'
import type { Replica } from '../replica/replica.ts'
import type { Transaction } from '../replica/transaction.ts'
import { holdsState, mergeDocuments } from './merge.ts'
import { overwrites, overwrittenKey } from './overwritten.ts'

const CONTENT_TYPE = 'application/vnd.yjs'
/** Marks changes that came from the store, so that they are not saved again. */
const FROM_STORE = Symbol('from store')

/**
 * An open Yjs document. Each save holds the whole state and covers what it was merged from, so that siblings shrink
 * to one; `clientID` is fresh for each document and never stored. A deletion that comes while it is open is nothing it
 * was merged from: a save leaves it beside, which is a conflict. Where a policy reads the document all the same, a save
 * covers whatever is live, as every write does that follows such a read.
 */
export class MemoryDocument implements MemoryDoc {
  readonly doc: Doc
  readonly #replica: Replica
  readonly #path: Path
  readonly #onClose: () => void
  /** What it was made of, so that its next save may cover that and nothing else. */
  #seen: VersionVector = EMPTY_VECTOR
  #dropped: VersionVector = EMPTY_VECTOR
  /** All of it that is in the store. Until there is some, there was nothing that a deletion could have taken from it. */
  #stored: Uint8Array | undefined
  #isDirty = false
  #dirtySince: number | undefined
  #cancelSave: (() => void) | undefined
  #saving: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(replica: Replica, path: Path, onClose: () => void) {
    this.doc = new Doc()
    this.#replica = replica
    this.#path = path
    this.#onClose = onClose
    this.doc.on('update', this.#onUpdate)
    replica.events.addEventListener('entry:received', this.#onEntry)
    replica.events.addEventListener('entry:committed', this.#onEntry)
  }

  /** Takes in what is stored. */
  async load(): Promise<void> {
    const live = await this.#replica.view('public').live(this.#path)
    this.#merge(live, await this.#isDecided(live))
  }

  flush(): Promise<void> {
    this.#cancelSave?.()
    this.#cancelSave = undefined
    this.#saving = this.#saving.catch(() => undefined).then(() => this.#save())
    return this.#saving
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      await this.flush()
    } finally {
      this.#replica.events.removeEventListener('entry:received', this.#onEntry)
      this.#replica.events.removeEventListener('entry:committed', this.#onEntry)
      this.doc.destroy()
      this.#onClose()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  readonly #onUpdate = (_update: Uint8Array, origin: unknown): void => {
    if (origin === FROM_STORE) return
    this.#isDirty = true
    const now = this.#replica.runtime.now()
    this.#dirtySince ??= now
    const delay = Math.min(DOC_SAVE_DELAY_MS, Math.max(this.#dirtySince + DOC_SAVE_MAX_DELAY_MS - now, 0))
    this.#cancelSave?.()
    this.#cancelSave = this.#replica.runtime.timer(delay, () => {
      // A failed save leaves the document dirty: the next change, flush or close tries again and reports.
      this.flush().catch(() => undefined)
    })
  }

  readonly #onEntry = (event: CustomEvent<{ domain: string; path: string }>): void => {
    if (event.detail.domain !== 'public' || event.detail.path !== this.#path) return
    this.load().catch(() => undefined)
  }

  /** @param isDecided whether what is no document here is put aside */
  #merge(live: readonly OpenedEntry[], isDecided: boolean): void {
    for (const entry of live) {
      for (const { kind, value } of entry.alternatives) {
        if (kind === 'document') this.#takeIn(entry, value as Uint8Array)
        else if (kind !== 'deleted' && !isDecided) throw notADocument()
      }
      if (isDocument(entry)) this.#see(entry)
    }
  }

  /** Whether a policy of this device reads a document here, whatever else is live. */
  async #isDecided(live: readonly OpenedEntry[], transaction?: Transaction): Promise<boolean> {
    if (conflictKind(live) === undefined) return false
    const view = this.#replica.view('public')
    const read = await view.readOf(this.#path, view.codec.tokens.of(this.#path), live, transaction)
    return read.state === 'value' && read.settledBy !== undefined && read.version.kind === 'document'
  }

  #takeIn({ stored }: OpenedEntry, state: Uint8Array): void {
    if (this.#stored !== undefined && holdsState(this.#stored, state)) return
    if (this.#isDirty) {
      // Nothing depends on it, and what a member has made so that it cannot be compared is merged all the same.
      try {
        this.#reportOverwrites(stored.dot.actor, state)
      } catch {}
    }
    applyState(this.doc, state)
    this.#stored = this.#stored === undefined ? state : mergeDocuments([this.#stored, state])
  }

  /** What only this document had is compared with what comes as it comes; what was stored already, by the replica. */
  #reportOverwrites(actor: ActorId, state: Uint8Array): void {
    const { events, actor: own } = this.#replica
    const known = this.#stored === undefined ? [] : overwrites([this.#stored, state])
    const authors = [this.#replica.authorOf(own), this.#replica.authorOf(actor)] as const
    for (const overwrite of overwrites([encodeStateAsUpdate(this.doc), state])) {
      if (known.some(({ lost }) => compareIDs(lost.id, overwrite.lost.id))) continue
      const detail = overwrittenKey(this.#path, overwrite, authors)
      events.dispatchEvent(new CustomEvent('document:overwritten', { detail }))
    }
  }

  #see(entry: OpenedEntry): void {
    const { dot, context } = entry.stored
    this.#seen = join(this.#seen, context, new Map([[dot.actor, dot.n]]))
    this.#dropped = join(this.#dropped, droppedBelow([entry]))
  }

  async #save(): Promise<void> {
    if (!this.#isDirty) return
    let state: Uint8Array | undefined
    try {
      await this.#replica.write('public', async (transaction) => {
        const draft = await this.#plan(transaction)
        state = draft.alternatives.at(-1)?.value as Uint8Array
        return [draft]
      })
      this.#stored = state
    } catch (error) {
      this.#isDirty = true
      throw error
    }
  }

  /** What is live is merged in before it is replaced, so that a save never covers a change it does not hold. */
  async #plan(transaction: Transaction): Promise<Draft> {
    const token = this.#replica.view('public').codec.tokens.of(this.#path)
    const live = await transaction.live(token)
    const isDecided = await this.#isDecided(live, transaction)
    this.#merge(live, isDecided)
    const kind = conflictKind(live)
    if (kind !== undefined && kind !== 'delete' && !isDecided) {
      throw new ContestedError(this.#path, conflictId(token, live))
    }
    const state = encodeStateAsUpdate(this.doc)
    if (state.length > MAX_VALUE_BYTES) {
      throw new CoreError(
        'CORE_DOC_TOO_LARGE',
        `this document has ${state.length} bytes, more than the ${MAX_VALUE_BYTES} a memory holds; what was saved before is kept. Split it`
      )
    }
    this.#isDirty = false
    this.#dirtySince = undefined
    const alternative: Alternative = { ...DELETED, kind: 'document', value: state, contentType: CONTENT_TYPE }
    const draft = { path: this.#path, agent: undefined, sources: [] }
    const deletions = live.filter(isDeletion)
    if (this.#stored === undefined || isDecided) {
      for (const entry of live) if (!isDocument(entry)) this.#see(entry)
      return { ...draft, type: 'ydoc', alternatives: [alternative], dropped: this.#dropped }
    }
    const isOwn = ({ stored }: OpenedEntry): boolean => stored.dot.actor === this.#replica.actor
    const others = deletions.filter((entry) => !isOwn(entry)).map((entry) => entry.entryId)
    const spares = others.length === 0 ? undefined : { ids: new Set(others), seen: this.#seen }
    // A write replaces whatever its actor wrote before: what this device has deleted is said beside the document.
    return deletions.some(isOwn)
      ? { ...draft, type: 'put', alternatives: [DELETED, alternative], spares }
      : { ...draft, type: 'ydoc', alternatives: [alternative], dropped: this.#dropped, spares }
  }
}

function isDeletion(entry: OpenedEntry): boolean {
  return entry.alternatives.some(({ kind }) => kind === 'deleted')
}

function isDocument(entry: OpenedEntry): boolean {
  return entry.alternatives.every(({ kind }) => kind === 'document')
}

/** Each version is a valid state by itself; two may still contradict each other when a member forged one. */
function applyState(doc: Doc, state: Uint8Array): void {
  try {
    applyUpdate(doc, state, FROM_STORE)
  } catch (cause) {
    throw notADocument({ cause })
  }
}

function notADocument(options?: ErrorOptions): CoreError {
  return new CoreError(
    'CORE_NOT_A_DOCUMENT',
    'this memory holds a plain value, or versions of which some are no documents; nothing was written. Settle the conflict or use another path',
    options
  )
}
