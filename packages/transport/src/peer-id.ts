import './runtime-shim.ts'
import { type DeviceId, type DeviceKey, deviceId, devicePublicKey } from '@cis-memory/core'
import { generateKeyPairFromSeed, publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey, Ed25519PublicKey, PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { TransportError } from './errors.ts'
import { MAX_ADDRESS_CHARACTERS } from './limits.ts'

/*
 * A libp2p peer id is a device's Ed25519 public key in another spelling. This is the one place that translates.
 */

/** The network identity of a device key. */
export async function privateKeyOf(key: DeviceKey): Promise<Ed25519PrivateKey> {
  return generateKeyPairFromSeed('Ed25519', key.exportSeed())
}

export function peerOfDevice(device: DeviceId): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(devicePublicKey(device)) as Ed25519PublicKey)
}

/** The device behind a peer id, or `undefined` when the key is not one a device could have. */
export function deviceOfPeer(peer: PeerId): DeviceId | undefined {
  if (peer.type !== 'Ed25519' || peer.publicKey === undefined) return undefined
  try {
    return deviceId(peer.publicKey.raw)
  } catch {
    return undefined
  }
}

export interface PeerAddress {
  readonly device: DeviceId
  readonly multiaddr: Multiaddr
}

/**
 * Reads an address such as `/ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…`.
 *
 * @throws {TransportError} `TRANSPORT_BAD_ADDRESS` when it is malformed or does not name its device at the end.
 */
export function parseAddress(address: string): PeerAddress {
  if (address.length > MAX_ADDRESS_CHARACTERS) throw badAddress(`${address.slice(0, SHOWN_CHARACTERS)}…`)
  let parsed: Multiaddr
  let device: DeviceId | undefined
  try {
    parsed = multiaddr(address)
    const last = parsed.getComponents().at(-1)
    if (last?.name === 'p2p' && last.value !== undefined) device = deviceOfPeer(peerIdFromString(last.value))
  } catch (cause) {
    throw badAddress(address, { cause })
  }
  if (device === undefined) throw badAddress(address)
  return { device, multiaddr: parsed }
}

/**
 * The device an address leads to.
 *
 * @throws {TransportError} `TRANSPORT_BAD_ADDRESS`
 */
export function deviceOfAddress(address: string): DeviceId {
  return parseAddress(address).device
}

/** An address without the device at its end, for where the device is known anyway. */
export function withoutDevice(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '')
}

/** An address that had its device left out, whole again. */
export function withDevice(address: string, device: DeviceId): string {
  return address.includes('/p2p/') ? address : `${address}/p2p/${peerOfDevice(device)}`
}

/** An address with its peer at the end, where libp2p may have left it out. */
export function withPeer(address: Multiaddr, peer: PeerId): Multiaddr {
  const last = address.getComponents().at(-1)
  return last?.name === 'p2p' ? address : address.encapsulate(`/p2p/${peer.toString()}`)
}

/** Of an address that is too long to be one. */
const SHOWN_CHARACTERS = 64

function badAddress(address: string, options?: ErrorOptions): TransportError {
  return new TransportError(
    'TRANSPORT_BAD_ADDRESS',
    `"${address}" is not the address of a device. It looks like /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…; copy it whole, the part after /p2p/ included`,
    options
  )
}
