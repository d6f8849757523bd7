/*
 * What belongs to this store alone, in the partition that neither sync nor agents reach:
 *
 *   identity  the device's Ed25519 seed
 *   space     [space id, space secret, genesis, signature]
 *   private   the key that private paths are tokenised under
 *
 * Each is on disk before it is used, in durability `os` too: others are told of the first two, and without them a store
 * that has lost no more than its last writes would be nobody's.
 */

import { tick, ZERO_TIMESTAMP } from '@cis-memory/clock'
import type { RowChange, Store } from '@cis-memory/store'
import { fromHex, NO_BYTES } from '../entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import { DeviceKey, SIGNATURE_BYTES } from '../entry/ed25519.ts'
import { ID_BYTES } from '../entry/hash.ts'
import {
  createGenesis,
  createMember,
  decodeRecord,
  type GenesisRecord,
  RECORD_NONCE_BYTES,
  type SystemRecord
} from '../entry/records.ts'
import { SPACE_SECRET_BYTES } from '../entry/space-keys.ts'
import { CoreError } from '../errors.ts'
import { MAX_LABEL_BYTES, MAX_RECORD_BYTES } from '../limits.ts'
import type { Runtime } from '../ports/runtime.ts'
import { encodeFeedRow } from './feed-row.ts'
import { feedKey, feedRange, metaKey, recordKey, recordRange } from './rows.ts'
import { encodeRecordRow } from './signed-row.ts'

const SEED_BYTES = 32
const IDENTITY_KEY = metaKey('identity')
const SPACE_KEY = metaKey('space')
const PRIVATE_KEY = metaKey('private')

/** The secret of a space and the record that names it. */
export interface SpaceIdentity {
  readonly genesis: GenesisRecord
  readonly secret: Uint8Array
}

/** This store's device key. One that has none yet keeps the key that is given, or makes one. */
export async function deviceIdentity(store: Store, runtime: Runtime, given?: DeviceKey): Promise<DeviceKey> {
  const rows = store.partition('local')
  const known = await rows.get(IDENTITY_KEY)
  if (known !== undefined) return new DeviceKey(known)
  const key = given ?? new DeviceKey(runtime.random(SEED_BYTES))
  await rows.write([{ type: 'put', key: IDENTITY_KEY, value: key.exportSeed() }], { sync: true })
  return key
}

/** The key of private path tokens, made when there is none yet. It never leaves this store. */
export async function privatePathKey(store: Store, runtime: Runtime): Promise<Uint8Array> {
  const rows = store.partition('local')
  const known = await rows.get(PRIVATE_KEY)
  if (known !== undefined) return known
  const key = runtime.random(32)
  await rows.write([{ type: 'put', key: PRIVATE_KEY, value: key }], { sync: true })
  return key
}

/** The space this store belongs to, or `undefined` before one was created or joined. */
export async function spaceIdentity(store: Store): Promise<SpaceIdentity | undefined> {
  const row = await store.partition('local').get(SPACE_KEY)
  if (row === undefined) return undefined
  const fields = Fields.ofArray(decodeCbor(row), 'the row of the space', 4)
  const genesis = decodeRecord(fields.bytes(2, 1, MAX_RECORD_BYTES), fields.bytes(3, SIGNATURE_BYTES))
  fields.bytes(0, ID_BYTES)
  return { genesis: genesis as GenesisRecord, secret: fields.bytes(1, SPACE_SECRET_BYTES) }
}

/**
 * Starts a space with this device as its first admin.
 *
 * @throws {CoreError} `CORE_SPACE_EXISTS`, `CORE_BAD_OPTION` for a name that is too long
 */
export async function createSpace(
  store: Store,
  runtime: Runtime,
  names: { readonly space: string; readonly device: string }
): Promise<SpaceIdentity> {
  checkName(names.space)
  checkName(names.device)
  const key = await deviceIdentity(store, runtime)
  const hlc = tick(ZERO_TIMESTAMP, runtime.now())
  const genesis = createGenesis(key, names.space, runtime.random(RECORD_NONCE_BYTES), hlc)
  const self = { device: key.id, role: 'admin', name: names.device } as const
  const identity = { genesis, secret: runtime.random(SPACE_SECRET_BYTES) }
  await adoptSpace(store, identity, [createMember(key, genesis.space, self, tick(hlc, runtime.now()))])
  return identity
}

/**
 * Makes this store part of a space: what joining ends with.
 *
 * @throws {CoreError} `CORE_SPACE_EXISTS` when it belongs to one
 */
export async function adoptSpace(
  store: Store,
  identity: SpaceIdentity,
  records: readonly SystemRecord[]
): Promise<void> {
  if ((await spaceIdentity(store)) !== undefined) {
    throw new CoreError(
      'CORE_SPACE_EXISTS',
      'this store belongs to a space already; nothing was changed. Use another directory for another space'
    )
  }
  const all = [identity.genesis, ...records.filter((record) => record.id !== identity.genesis.id)]
  const rows = store.partition('public')
  const changes: RowChange[] = []
  // A join that a crash ended may have been one of another space, whose admins must not count here.
  for (const range of [recordRange(), feedRange(0n)]) {
    for await (const key of rows.keys(range)) changes.push({ type: 'delete', key })
  }
  for (const [at, record] of all.entries()) {
    const feedRow = encodeFeedRow({ kind: 'record', id: record.id, from: NO_BYTES })
    changes.push({ type: 'put', key: recordKey(record.id), value: encodeRecordRow(record) })
    changes.push({ type: 'put', key: feedKey(BigInt(at + 1)), value: feedRow })
  }
  await rows.write(changes)
  const { genesis, secret } = identity
  const value = encodeCbor([fromHex(genesis.space), secret, genesis.bytes, genesis.signature])
  await store.partition('local').write([{ type: 'put', key: SPACE_KEY, value }], { sync: true })
}

function checkName(name: string): void {
  if (name === '' || Buffer.byteLength(name) > MAX_LABEL_BYTES) {
    throw new CoreError('CORE_BAD_OPTION', `a name has 1 to ${MAX_LABEL_BYTES} bytes`)
  }
}
