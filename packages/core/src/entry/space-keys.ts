/*
 * What the members of a space derive from its one secret. Each key has a label of its own, so that none can stand
 * in for another.
 */
import { SealingKey } from '@cis-memory/store'
import { toHex } from './bytes.ts'
import { deriveKey, ID_BYTES } from './hash.ts'
import { PathTokens } from './path.ts'

export const SPACE_SECRET_BYTES = 32

/** The 16-byte id of a space as 32 hex digits: the hash of its genesis record. */
export type SpaceId = string & { readonly __spaceId: unique symbol }

/** Names a content key by what it is, never by a number that two devices could both pick. */
export type KeyId = string & { readonly __keyId: unique symbol }

export interface SpaceKeys {
  readonly tokens: PathTokens
  readonly contentKey: SealingKey
  readonly contentKeyId: KeyId
  readonly handshakeKey: Uint8Array
  /** The gossip topic: nobody outside the space can name it. */
  readonly topic: string
}

/** Derives a space's keys with HKDF-SHA256, salted with the space id. */
export function deriveSpaceKeys(secret: Uint8Array, spaceIdBytes: Uint8Array): SpaceKeys {
  const derive = (label: string): Uint8Array => deriveKey(secret, spaceIdBytes, label)
  const content = derive('cis/content/1')
  return {
    tokens: new PathTokens(derive('cis/path/1')),
    contentKey: new SealingKey(content),
    contentKeyId: toHex(deriveKey(content, new Uint8Array(0), 'id', ID_BYTES)) as KeyId,
    handshakeKey: derive('cis/handshake/1'),
    topic: `cis/1/${toHex(deriveKey(secret, spaceIdBytes, 'cis/topic/1', ID_BYTES))}`
  }
}
