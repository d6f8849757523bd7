/*
 * The live entries of paths, opened, as the store has them now. Those that were read or written last are kept: opening
 * a row again costs far more than finding it.
 *
 * One writer writes these rows, and tells of each batch before it is on its way and once it is durable. Between the two
 * the rows decide, so that no reader sees what another has already seen replaced; and what was read before a batch is
 * never kept after it. After a batch whose fate is unknown the rows decide for good. Snapshots never come here.
 */
import type { RowReader } from '@cis-memory/store'
import { toHex } from '../entry/bytes.ts'
import { MAX_KEPT_LIVE_BYTES } from '../limits.ts'
import { type DomainCodec, type OpenedEntry, openEntries } from './open-entry.ts'
import { liveKey } from './rows.ts'
import { decodeLiveRow } from './stored-entry.ts'

/** What is live at κ. */
export interface LiveAt {
  readonly token: Uint8Array
  readonly live: readonly OpenedEntry[]
}

interface Kept {
  readonly live: readonly OpenedEntry[]
  readonly bytes: number
}

/** What an opened entry takes beside its bytes, and how much more room a value takes than its encoding, at a guess. */
const OBJECT_BYTES = 2048
const VALUE_FACTOR = 8
const NO_PATHS: ReadonlySet<string> = new Set()

/** The live entries at κ as rows have them. */
export async function readLive(
  rows: Pick<RowReader, 'get'>,
  codec: DomainCodec,
  token: Uint8Array
): Promise<readonly OpenedEntry[]> {
  const row = await rows.get(liveKey(token))
  return row === undefined ? [] : openEntries(codec, decodeLiveRow(row))
}

/** The live entries of a domain that has one writer. */
export class LiveEntries {
  readonly #rows: RowReader
  readonly #codec: DomainCodec
  /** The one kept longest first. */
  readonly #kept = new Map<string, Kept>()
  #bytes = 0
  #batches = 0
  #beingWritten = NO_PATHS

  constructor(rows: RowReader, codec: DomainCodec) {
    this.#rows = rows
    this.#codec = codec
  }

  /** The live entries at κ, earliest first. They are everybody's: nobody changes them. */
  async at(token: Uint8Array): Promise<readonly OpenedEntry[]> {
    const name = toHex(token)
    const kept = this.#kept.get(name)
    if (kept !== undefined) return kept.live
    const batches = this.#batches
    const live = await readLive(this.#rows, this.#codec, token)
    if (batches === this.#batches && !this.#beingWritten.has(name)) this.#keep(name, live)
    return live
  }

  /** Waits for a batch that changes what is live at some paths. */
  async whileWritten(changed: readonly LiveAt[], write: () => Promise<void>): Promise<void> {
    const names = changed.map(({ token }) => toHex(token))
    this.#beingWritten = new Set(names)
    for (const name of names) this.#drop(name)
    await write()
    this.#beingWritten = NO_PATHS
    this.#batches++
    for (const [at, { live }] of changed.entries()) this.#keep(names[at] as string, live)
  }

  #keep(name: string, live: readonly OpenedEntry[]): void {
    if (live.length === 0) return
    this.#drop(name)
    const bytes = live.reduce((sum, entry) => sum + sizeOf(entry), 0)
    this.#kept.set(name, { live, bytes })
    this.#bytes += bytes
    for (const [oldest] of this.#kept) {
      if (this.#bytes <= MAX_KEPT_LIVE_BYTES) break
      this.#drop(oldest)
    }
  }

  #drop(name: string): void {
    this.#bytes -= this.#kept.get(name)?.bytes ?? 0
    this.#kept.delete(name)
  }
}

function sizeOf({ stored, payloadBytes }: OpenedEntry): number {
  const { header, cipher } = stored
  return 2 * header.bytes.length + cipher.length + VALUE_FACTOR * payloadBytes + OBJECT_BYTES
}
