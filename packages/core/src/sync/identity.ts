/*
 * Names that a session makes of what a peer says about itself. Each includes the peer's device, which the channel has
 * proven: no member can move the checkpoints of another's feeds, or have entries kept from another's store.
 */
import { concat } from '../entry/bytes.ts'
import { type DeviceId, devicePublicKey } from '../entry/ed25519.ts'
import { ID_BYTES, labelledId } from '../entry/hash.ts'

/** Names a peer's store. A copy of it that does not know that it is one has the same name. */
export function storeId(device: DeviceId, instance: Uint8Array): Uint8Array {
  return labelledId('cis/store/1', devicePublicKey(device), instance)
}

/**
 * Names a store's feed within what its owner shares (κ of scopes). A node that shares more than before has another
 * feed, so that its readers start again rather than miss what was behind their checkpoints.
 */
export function feedId(instance: Uint8Array, shared: readonly Uint8Array[]): Uint8Array {
  const sorted = [...shared].sort(Buffer.compare)
  const parts = sorted.flatMap((scope) => [Uint8Array.of(scope.length / ID_BYTES), scope])
  return labelledId('cis/feed/1', concat(instance, ...parts))
}
