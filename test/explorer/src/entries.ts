import { Oracle } from '../../../packages/clock/test/oracle.ts'
import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { decodePayload } from '../../../packages/core/src/entry/payload.ts'
import type { DomainCodec } from '../../../packages/core/src/replica/open-entry.ts'
import type { StoredEntry } from '../../../packages/core/src/replica/stored-entry.ts'
import { type Claim, claims, standing } from '../../simulator/src/reference.ts'
import { promised } from '../../simulator/src/violation.ts'

/** What a deletion stands for. No memory here is this text. */
export const DELETED = 'deleted'

/** An entry as somebody knows it who sees everything. */
export interface Known extends Claim {
  /** κ in hex digits. */
  readonly path: string
  readonly parents: readonly string[]
  /** The texts it stands for; `DELETED` for a deletion. */
  readonly values: readonly string[]
  readonly isForged: boolean
}

/**
 * Every entry that was written on any path of operations, with explicit sets of what its writer had in front of it. An
 * id is a hash of all an entry says, so it means the same on every path it occurs on.
 */
export class Entries {
  readonly #known = new Map<string, Known>()
  readonly #oracle = new Oracle()

  has(id: string): boolean {
    return this.#known.has(id)
  }

  get(id: string): Known {
    const known = this.#known.get(id)
    promised(known !== undefined, 'nothing comes from nowhere', () => `nobody wrote ${id}`)
    return known
  }

  /** Records a write, and what stood at its path for its writer. */
  wrote(
    { id, dot, hlc, context, header, cipher }: StoredEntry,
    codec: DomainCodec,
    stood: readonly string[],
    isForged: boolean = false
  ): Known {
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const { alternatives } = decodePayload(codec.unseal(header, cipher))
    const entry: Known = {
      id,
      actor: dot.actor,
      n: dot.n,
      hlc,
      context,
      path: toHex(header.path),
      parents: header.parents,
      values: alternatives.map(({ kind, value }) => (kind === 'deleted' ? DELETED : String(value))),
      isForged
    }
    this.#known.set(id, entry)
    this.#oracle.wrote(id, stood)
    return entry
  }

  /** Everything that was in front of an entry's writer, and of the writers of that. */
  seenBy(id: string): ReadonlySet<string> {
    return this.#oracle.ancestors(id)
  }

  /**
   * What stands at a path where exactly these were received: by what their writers had seen, as long as all of them are
   * honest. The rules as the design tells them must come to the same.
   */
  live(received: Iterable<string>): ReadonlySet<string> {
    const all = [...received].map((id) => this.get(id))
    const byRules = standing(all)
    if (all.some(({ isForged }) => isForged)) return byRules
    const bySight = this.#oracle.live(all.map(({ id }) => id))
    promised(sameSet(bySight, byRules), 'P10: what is live is what nobody had seen who replaced it', () => {
      return `${[...byRules].join()} instead of ${[...bySight].join()}`
    })
    return bySight
  }

  /** Whether one of these had seen an entry, or a forged one among all those says so. */
  accountsFor(standing: Iterable<string>, entry: Known, all: Iterable<string>): boolean {
    for (const id of standing) if (id === entry.id || this.seenBy(id).has(entry.id)) return true
    for (const id of all) {
      const other = this.get(id)
      if (other.isForged && claims(other, entry.actor, entry.n)) return true
    }
    return false
  }

  isContested(live: Iterable<string>): boolean {
    return new Set([...live].flatMap((id) => this.get(id).values)).size > 1
  }
}

export function sameSet(a: Iterable<string>, b: Iterable<string>): boolean {
  return [...new Set(a)].sort().join() === [...new Set(b)].sort().join()
}
