import './runtime-shim.ts'
import type { DeviceId } from '@cis-memory/core'
import type { PeerId, PeerStore } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { MAX_KEPT_PEERS, MAX_PEER_ADDRESSES } from './limits.ts'
import { parseAddress, peerOfDevice, withPeer } from './peer-id.ts'

/** Where devices can be dialled: addresses given to us, which never expire, and what libp2p has learned. */
export class Addresses {
  readonly #learned: () => PeerStore | undefined
  readonly #given = new Map<DeviceId, Set<string>>()

  constructor(learned: () => PeerStore | undefined) {
    this.#learned = learned
  }

  /** Devices whose address was given. */
  given(): DeviceId[] {
    return [...this.#given.keys()]
  }

  /** @throws {TransportError} `TRANSPORT_BAD_ADDRESS` */
  remember(address: string): DeviceId {
    const { device, multiaddr } = parseAddress(address)
    const known = this.#given.get(device) ?? new Set()
    known.delete(multiaddr.toString())
    known.add(multiaddr.toString())
    const [oldest] = known
    if (known.size > MAX_PEER_ADDRESSES && oldest !== undefined) known.delete(oldest)
    if (this.#given.has(device) || this.#given.size < MAX_KEPT_PEERS) this.#given.set(device, known)
    return device
  }

  async of(device: DeviceId): Promise<Multiaddr[]> {
    const peer = peerOfDevice(device)
    const addresses = new Set(this.#given.get(device))
    try {
      const stored = await this.#learned()?.get(peer)
      for (const { multiaddr } of stored?.addresses ?? []) addresses.add(withPeer(multiaddr, peer).toString())
    } catch {
      // Nothing is known beyond what we were given.
    }
    return [...addresses].slice(0, 2 * MAX_PEER_ADDRESSES).map((address) => multiaddr(address))
  }

  /** Drops what libp2p has learned of a peer. */
  async forget(peer: PeerId): Promise<void> {
    try {
      await this.#learned()?.delete(peer)
    } catch {
      // The store is closing, and forgets everything with that.
    }
  }
}
