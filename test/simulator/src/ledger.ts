import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { decodePayload, encodeAlternative, type Payload } from '../../../packages/core/src/entry/payload.ts'
import type { DomainCodec } from '../../../packages/core/src/replica/open-entry.ts'
import type { StoredEntry } from '../../../packages/core/src/replica/stored-entry.ts'
import { linesOf } from './lines.ts'
import { type Claim, claims } from './reference.ts'
import { promised } from './violation.ts'

/** An entry as somebody knows it who sees everything. */
export interface Known extends Claim {
  /** κ in hex digits. */
  readonly path: string
  readonly parents: readonly string[]
  /** What it stands for, in canonical bytes as hex digits; none when it cannot be opened. */
  readonly values: readonly string[]
  readonly isDeletion: boolean
  /** The text of what it says, to look for what must not be said. */
  readonly text: string
  /** Everything that was in front of its writer, and in front of the writers of that. */
  readonly saw: ReadonlySet<string>
  /** Those of them that somebody wrote who may claim anything. */
  readonly hostileSeen: readonly Known[]
  readonly isHostile: boolean
  /** Where it was written. */
  readonly writtenAt: number
}

/**
 * Every entry there is, with what its writer had in front of it: explicit sets of ancestors, taken from what was on the
 * writer's disk at that moment and never from a context. It is what the conflicts of all replicas are held to.
 */
export class Ledger {
  readonly #entries = new Map<string, Known>()
  readonly #dots = new Map<string, string>()
  /** Actors whose numbers may be in use twice beyond one, because a copy of their store went unnoticed. */
  readonly #splits = new Map<string, number>()
  /** Acknowledged writes by what was asked for, and those whose every copy is gone with a disk. */
  readonly #acknowledged = new Map<string, number>()
  readonly #destroyed = new Set<string>()

  get size(): number {
    return this.#entries.size
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size
  }

  get all(): Iterable<Known> {
    return this.#entries.values()
  }

  find(id: string): Known | undefined {
    return this.#entries.get(id)
  }

  get(id: string): Known {
    const known = this.#entries.get(id)
    promised(known !== undefined, 'nothing comes from nowhere', () => `nobody wrote ${id}`)
    return known
  }

  /** Records what a writer did, with what stood at the path for it. */
  wrote(
    stored: StoredEntry,
    codec: DomainCodec,
    by: { readonly place: number; readonly isHostile: boolean },
    stood: Iterable<string>
  ): Known {
    const saw = new Set<string>()
    const hostileSeen = new Set<Known>()
    for (const id of stood) {
      const seen = this.get(id)
      saw.add(id)
      if (seen.isHostile) hostileSeen.add(seen)
      for (const older of seen.saw) saw.add(older)
      for (const hostile of seen.hostileSeen) hostileSeen.add(hostile)
    }
    const payload = payloadOf(stored, codec)
    const alternatives = payload?.alternatives ?? []
    const documents = alternatives.filter(({ kind }) => kind === 'document')
    const { actor, n } = stored.dot
    const known: Known = {
      id: stored.id,
      actor,
      n,
      hlc: stored.hlc,
      context: stored.context,
      path: toHex(stored.header.path),
      parents: stored.header.parents,
      values: alternatives.map((alternative) => toHex(encodeAlternative(alternative))),
      isDeletion: alternatives.length > 0 && alternatives.every(({ kind }) => kind === 'deleted'),
      text: JSON.stringify([payload?.path, alternatives.map(({ kind, value }) => kind === 'value' && value)]),
      document:
        documents.length > 0
          ? new Set(documents.flatMap(({ value }) => [...linesOf(value as Uint8Array)]))
          : undefined,
      saw: by.isHostile ? new Set() : saw,
      hostileSeen: [...hostileSeen],
      isHostile: by.isHostile,
      writtenAt: by.place
    }
    this.#entries.set(known.id, known)
    const dot = `${actor}:${n}`
    const before = this.#dots.get(dot) ?? known.id
    promised(
      before === known.id || by.isHostile || this.isMurky(known),
      'P6: a number is used once',
      () => dot
    )
    this.#dots.set(dot, known.id)
    return known
  }

  /** A copy of a store went unnoticed: numbers of its actor beyond `n` may be written twice until somebody proves it. */
  split(actor: string, n: number): void {
    this.#splits.set(actor, Math.min(n, this.#splits.get(actor) ?? Number.POSITIVE_INFINITY))
  }

  /** Whether the number of an entry may be in use twice. */
  isMurky({ actor, n }: Pick<Claim, 'actor' | 'n'>): boolean {
    return n > (this.#splits.get(actor) ?? Number.POSITIVE_INFINITY)
  }

  acknowledge(id: string, place: number): void {
    this.#acknowledged.set(id, place)
  }

  /** Acknowledged writes that are still owed, with where they were acknowledged. */
  *owed(): Iterable<readonly [entry: Known, place: number]> {
    for (const [id, place] of this.#acknowledged) {
      if (!this.#destroyed.has(id)) yield [this.get(id), place]
    }
  }

  /** The last copy of an entry is gone, by no fault of cis. */
  destroyed(id: string): void {
    this.#destroyed.add(id)
  }

  isDestroyed(id: string): boolean {
    return this.#destroyed.has(id)
  }

  /** Whether one of these has seen an entry, or may stand in its place for a reason beyond its writer's knowledge. */
  accountsFor(standing: Iterable<string>, entry: Known): boolean {
    for (const id of standing) {
      const witness = this.get(id)
      if (witness.saw.has(entry.id) || this.#isExcused(witness, entry)) return true
    }
    return false
  }

  /** Whether an entry may have been replaced by somebody who had not seen it: hostile members claim what they like. */
  #isExcused(witness: Known, entry: Known): boolean {
    // Whoever uses a number twice has both covered by whoever saw one.
    if (entry.isHostile || this.isMurky(entry)) return true
    const liars = witness.isHostile ? [witness, ...witness.hostileSeen] : witness.hostileSeen
    return liars.some((liar) => claims(liar, entry.actor, entry.n))
  }
}

/** What an entry says, or nothing when no reader can open it where it is. */
function payloadOf({ header, cipher }: StoredEntry, codec: DomainCodec): Payload | undefined {
  try {
    const payload = decodePayload(codec.unseal(header, cipher))
    return toHex(codec.tokens.of(payload.path)) === toHex(header.path) ? payload : undefined
  } catch {
    return undefined
  }
}
