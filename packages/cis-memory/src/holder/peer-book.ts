import type { DeviceId } from '@cis-memory/core'
import * as v from 'valibot'
import { readIfThere, writePrivateFile } from '../home.ts'
import { MAX_BOOK_ADDRESSES, MAX_BOOK_PEERS } from '../limits.ts'
import { wholeNumber } from '../validation.ts'

/** How a peer was reached, and when it was synced with last. */
export interface BookedPeer {
  readonly addresses: readonly string[]
  /** Milliseconds since 1970. */
  readonly lastSyncedAt?: number | undefined
}

const NOTHING: BookedPeer = { addresses: [] }

const DEVICE_ID = /^[0-9a-f]{64}$/
const ADDRESS = /^\/.+\/p2p\/\w+$/u

const bookedPeer: v.GenericSchema<BookedPeer> = v.object({
  addresses: v.array(v.pipe(v.string(), v.regex(ADDRESS))),
  lastSyncedAt: v.optional(wholeNumber(0))
})

/**
 * Addresses of peers, in a file of the home so that they outlive the process. It is a convenience: a damaged file
 * counts as empty, and membership is decided elsewhere.
 */
export class PeerBook {
  readonly #file: string
  readonly #peers: Map<DeviceId, BookedPeer>
  #writing: Promise<void> = Promise.resolve()

  private constructor(path: string, peers: Map<DeviceId, BookedPeer>) {
    this.#file = path
    this.#peers = peers
  }

  static async open(path: string): Promise<PeerBook> {
    return new PeerBook(path, readBook(await readIfThere(path)))
  }

  get(device: DeviceId): BookedPeer {
    return this.#peers.get(device) ?? NOTHING
  }

  /** Every address there is, each of them ending with its device. */
  addresses(): readonly string[] {
    return [...this.#peers.values()].flatMap((peer) => peer.addresses)
  }

  devices(): readonly DeviceId[] {
    return [...this.#peers.keys()]
  }

  /** Puts addresses first among those of a peer. Resolves when they are in the file. */
  async add(device: DeviceId, addresses: readonly string[]): Promise<void> {
    const peer = this.get(device)
    const all = [...new Set([...addresses, ...peer.addresses])].slice(0, MAX_BOOK_ADDRESSES)
    await this.#set(device, { ...peer, addresses: all })
  }

  async synced(device: DeviceId, at: number): Promise<void> {
    await this.#set(device, { ...this.get(device), lastSyncedAt: at })
  }

  /** Forgets one address of a peer, or all of them, and answers which. */
  async remove(device: DeviceId, address?: string): Promise<readonly string[]> {
    const peer = this.get(device)
    const removed = peer.addresses.filter((known) => address === undefined || known === address)
    if (removed.length === 0) return []
    await this.#set(device, {
      ...peer,
      addresses: peer.addresses.filter((known) => !removed.includes(known))
    })
    return removed
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#writing
  }

  async #set(device: DeviceId, peer: BookedPeer): Promise<void> {
    const isSame = JSON.stringify(peer) === JSON.stringify(this.#peers.get(device))
    if (isSame) return
    this.#peers.delete(device)
    this.#peers.set(device, peer)
    const [oldest] = this.#peers.keys()
    if (this.#peers.size > MAX_BOOK_PEERS && oldest !== undefined) this.#peers.delete(oldest)
    const written = this.#writing.then(() =>
      writePrivateFile(this.#file, `${JSON.stringify({ peers: Object.fromEntries(this.#peers) }, null, 2)}\n`)
    )
    this.#writing = written.catch(() => {})
    await written
  }
}

function readBook(bytes: Uint8Array | undefined): Map<DeviceId, BookedPeer> {
  try {
    const { peers } = JSON.parse(Buffer.from(bytes ?? []).toString() || '{"peers":{}}')
    const known = Object.entries(peers).filter(
      ([device, peer]) => DEVICE_ID.test(device) && v.is(bookedPeer, peer)
    )
    return new Map(known as Iterable<unknown> as Iterable<[DeviceId, BookedPeer]>)
  } catch {
    // Written again with the first thing worth knowing.
    return new Map()
  }
}
