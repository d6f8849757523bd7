/*
 * Which private memories were made from a public one: rows `U depth κ(source) κ(curated)` of the private partition, both
 * in the tokens of the private domain. They change in the batch that changes the curated memory.
 */
import type { RowReader } from '@cis-memory/store'
import { equalBytes, NO_BYTES, startsWith } from '../entry/bytes.ts'
import type { Path } from '../entry/path.ts'
import { type DomainCodec, type OpenedEntry, openEntries } from '../replica/open-entry.ts'
import { curatedFromRange, curatedKey, curatedOfKey, curatedRange, liveKey } from '../replica/rows.ts'
import { decodeLiveRow } from '../replica/stored-entry.ts'
import { type PathChange, Transaction } from '../replica/transaction.ts'
import type { EntryId, SourceVersion } from '../versions.ts'

/** A transaction of the private domain: entries as everywhere, and the index of what they were made from. */
export class PrivateTransaction extends Transaction {
  protected override pathChanged({ token, before, live }: PathChange, codec: DomainCodec): void {
    const [was, is] = [sourcePathsOf(before), sourcePathsOf(live)]
    for (const path of was) if (!is.has(path)) this.delete(curatedKey(codec.tokens.of(path), token))
    for (const path of is) if (!was.has(path)) this.put(curatedKey(codec.tokens.of(path), token), NO_BYTES)
  }
}

function sourcePathsOf(live: readonly OpenedEntry[]): Set<Path> {
  return new Set(live.flatMap((entry) => sourcesOf(entry).map(({ path }) => path as Path)))
}

function sourcesOf({ payload }: OpenedEntry): readonly SourceVersion[] {
  return payload?.sources ?? []
}

/** A private memory with one of the public ones it was made from. */
export interface CuratedLink {
  readonly entry: OpenedEntry
  readonly path: Path
  readonly sourcePath: Path
  readonly sourceIds: readonly EntryId[]
}

/** Finds curated memories, in the private domain as it is now. */
export class SourceIndex {
  readonly #rows: RowReader
  readonly #codec: DomainCodec

  constructor({ rows, codec }: { readonly rows: RowReader; readonly codec: DomainCodec }) {
    this.#rows = rows
    this.#codec = codec
  }

  /** What was made from one public memory. */
  async *madeFrom(source: Path): AsyncIterableIterator<CuratedLink> {
    const range = curatedFromRange(this.#codec.tokens.of(source))
    for await (const key of this.#rows.keys(range)) {
      for (const link of await this.#linksOf(curatedOfKey(key))) if (link.sourcePath === source) yield link
    }
  }

  /** Everything curated at or below a scope. One that was made from several memories comes once for each. */
  async *within(scope: Path): AsyncIterableIterator<CuratedLink> {
    const prefix = this.#codec.tokens.of(scope)
    for await (const key of this.#rows.keys(curatedRange())) {
      const token = curatedOfKey(key)
      if (!startsWith(token, prefix)) continue
      for (const link of await this.#linksOf(token)) {
        if (equalBytes(curatedKey(this.#codec.tokens.of(link.sourcePath), token), key)) yield link
      }
    }
  }

  /** The versions of a public memory that something was made from. */
  async idsLinkedTo(source: Path): Promise<Set<EntryId>> {
    const ids = new Set<EntryId>()
    for await (const { sourceIds } of this.madeFrom(source)) for (const id of sourceIds) ids.add(id)
    return ids
  }

  async #linksOf(token: Uint8Array): Promise<CuratedLink[]> {
    const row = await this.#rows.get(liveKey(token))
    const live = await openEntries(this.#codec, row === undefined ? [] : decodeLiveRow(row))
    return live.flatMap((entry) => {
      const { path } = entry.payload ?? {}
      if (path === undefined) return []
      return [...sourcePathsOf([entry])].map((sourcePath) => ({
        entry,
        path,
        sourcePath,
        sourceIds: sourcesOf(entry).flatMap((source) => (source.path === sourcePath ? [source.entryId] : []))
      }))
    })
  }
}
