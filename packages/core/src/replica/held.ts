/*
 * Entries that cannot be judged yet: their actor is unknown, a dot of their context is not proven, or they are dated
 * too far ahead. Rows: `[header, cipher, commit, signature, path, from, line or null]` under a rising number, so that
 * the oldest comes first. Waiting entries do not block agents.
 */
import type { ActorId } from '@cis-memory/clock'
import type { RowStore } from '@cis-memory/store'
import { readUint64 } from '../entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import { type Commit, decodeCommit, MAX_COMMIT_BYTES } from '../entry/commit.ts'
import { SIGNATURE_BYTES } from '../entry/ed25519.ts'
import { ID_BYTES } from '../entry/hash.ts'
import { decodeHeader, type Header } from '../entry/header.ts'
import { MAX_CIPHER_BYTES, MAX_HEADER_BYTES, MAX_HELD_BYTES, MAX_HELD_ENTRIES } from '../limits.ts'
import type { EntryId } from '../versions.ts'
import { forgetProgress } from './peer-feeds.ts'
import { heldKey, heldRange } from './rows.ts'
import type { Transaction } from './transaction.ts'

/** An entry with its whole proof and where it came from. */
export interface HeldEntry {
  readonly header: Header
  readonly cipher: Uint8Array
  readonly commit: Commit
  readonly path: Uint8Array
  /** What its row of the feed is to say. */
  readonly from: Uint8Array
  /** The line it was read from, if any; dropping it makes us read that again. */
  readonly line: Uint8Array | undefined
}

/** What an entry waits for: a member behind its actor, proof that a dot of its context exists, or its time. */
export type Wait =
  | { readonly for: 'member'; readonly actor: ActorId }
  | { readonly for: 'head'; readonly actor: ActorId; readonly n: number }
  | { readonly for: 'time'; readonly ms: number }

interface Slot {
  readonly sequence: bigint
  readonly bytes: number
  /** Unknown after a restart, until the entry is looked at. */
  wait: Wait | undefined
}

const MAX_PROOF_PATH_BYTES = 6 * 16

/** The bounded queue of held entries. */
export class HeldEntries {
  readonly #rows: RowStore
  readonly #slots = new Map<EntryId, Slot>()
  /** How to take back what is not durable yet, latest last. */
  readonly #undo: (() => void)[] = []
  #bytes = 0
  #next = 0n

  constructor(rows: RowStore) {
    this.#rows = rows
  }

  get size(): number {
    return this.#slots.size
  }

  async open(): Promise<void> {
    for await (const row of this.#rows.range(heldRange())) {
      this.#take(decodeHeld(row.value).header.id, {
        sequence: readUint64(row.key, 1),
        bytes: row.value.length,
        wait: undefined
      })
    }
  }

  has(id: EntryId): boolean {
    return this.#slots.has(id)
  }

  /** Whether an entry may have come before its actor was known, with a commit that nobody could check. */
  isUnproven(id: EntryId): boolean {
    const wait = this.#slots.get(id)?.wait
    return wait === undefined || wait.for === 'member'
  }

  /**
   * Adds an entry. Beyond the bounds the oldest go, and with them the checkpoints of the lines they were read from, so that
   * they are sent again.
   *
   * @returns the lines to be read again
   */
  async add(transaction: Transaction, held: HeldEntry, wait: Wait): Promise<Uint8Array[]> {
    const value = encodeHeld(held)
    const slot = { sequence: this.#next, bytes: value.length, wait }
    this.#take(held.header.id, slot)
    this.#undo.push(() => this.#drop(held.header.id))
    transaction.put(heldKey(slot.sequence, held.header.id), value)
    const rereadLines: Uint8Array[] = []
    while (this.#slots.size > MAX_HELD_ENTRIES || this.#bytes > MAX_HELD_BYTES) {
      const line = await this.#evictOldest(transaction)
      if (line !== undefined) rereadLines.push(line)
    }
    return rereadLines
  }

  remove(transaction: Transaction, id: EntryId): void {
    const slot = this.#drop(id)
    if (slot === undefined) return
    this.#undo.push(() => this.#take(id, slot))
    transaction.delete(heldKey(slot.sequence, id))
  }

  /** What was added and removed is durable. */
  keep(): void {
    this.#undo.length = 0
  }

  /** What was added and removed did not become durable: everything waits as before. */
  takeBack(): void {
    while (this.#undo.length > 0) this.#undo.pop()?.()
  }

  /** An entry goes on waiting, for something else than before. */
  keepWaiting(id: EntryId, wait: Wait): void {
    const slot = this.#slots.get(id)
    if (slot !== undefined) slot.wait = wait
  }

  /**
   * The held entries whose wait is over, oldest first, as a transaction leaves them. Those that still wait are not
   * read: a queue full of them must not make every batch expensive.
   */
  async *ready(transaction: Transaction, isOver: (wait: Wait) => boolean): AsyncIterableIterator<HeldEntry> {
    for (const [id, slot] of [...this.#slots]) {
      if (slot.wait !== undefined && !isOver(slot.wait)) continue
      const row = await transaction.get(heldKey(slot.sequence, id))
      if (row !== undefined) yield decodeHeld(row)
    }
  }

  async #evictOldest(transaction: Transaction): Promise<Uint8Array | undefined> {
    const oldest = this.#slots.entries().next().value
    if (oldest === undefined) return undefined
    const [id, slot] = oldest
    const row = await transaction.get(heldKey(slot.sequence, id))
    const line = row === undefined ? undefined : decodeHeld(row).line
    this.remove(transaction, id)
    if (line !== undefined) await forgetProgress(transaction, this.#rows, line)
    return line
  }

  #drop(id: EntryId): Slot | undefined {
    const slot = this.#slots.get(id)
    if (slot === undefined) return undefined
    this.#slots.delete(id)
    this.#bytes -= slot.bytes
    return slot
  }

  #take(id: EntryId, slot: Slot): void {
    this.#slots.set(id, slot)
    this.#bytes += slot.bytes
    if (slot.sequence >= this.#next) this.#next = slot.sequence + 1n
  }
}

function encodeHeld(held: HeldEntry): Uint8Array {
  const { header, cipher, commit, path, from, line } = held
  return encodeCbor([header.bytes, cipher, commit.bytes, commit.signature, path, from, line ?? null])
}

function decodeHeld(row: Uint8Array): HeldEntry {
  const fields = Fields.ofArray(decodeCbor(row), 'a held entry', 7)
  return {
    header: decodeHeader(fields.bytes(0, 1, MAX_HEADER_BYTES)),
    cipher: fields.bytes(1, 1, MAX_CIPHER_BYTES),
    commit: decodeCommit(fields.bytes(2, 1, MAX_COMMIT_BYTES), fields.bytes(3, SIGNATURE_BYTES)),
    path: fields.bytes(4, 0, MAX_PROOF_PATH_BYTES),
    from: fields.bytes(5, ID_BYTES),
    line: fields.value(6) === null ? undefined : fields.bytes(6, ID_BYTES)
  }
}
