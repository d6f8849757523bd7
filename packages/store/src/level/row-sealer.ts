/*
 * Where a row lies and what its seal covers.
 *
 *   LevelDB key       partition (1 byte) ‖ row key
 *   LevelDB value     seal(plaintext), see ../seal.ts
 *   associated data   store id (16 bytes) ‖ partition ‖ row key ‖ format version (1 byte)
 *
 * The parts before and after the row key have fixed lengths, so no two rows share their associated data, and a
 * value opens only in the store, the partition and the row it was written to. That an old value was put back in
 * its own row, or a row removed, is not noticed.
 */
import { randomFillSync } from 'node:crypto'
import { CorruptRowError } from '../errors.ts'
import { open, SEAL_RANDOM_BYTES, type SealingKey, seal } from '../seal.ts'
import type { PartitionName } from '../store.ts'
import type { ValueSealer } from './sealed-level.ts'

/** Version of everything in a store's directory. */
export const FORMAT_VERSION = 1

/** The partition of the store's own rows; no handle reaches it. */
export const META_PARTITION = 0x00

const PARTITION_BYTES: ReadonlyMap<PartitionName, number> = new Map([
  ['public', 0x01],
  ['private', 0x02],
  ['local', 0x03]
])

/** Random bytes fetched at once: one call per row would cost more than the sealing's own hashing. */
const RANDOM_POOL_BYTES = SEAL_RANDOM_BYTES * 256

export function partitionByte(name: PartitionName): number {
  const byte = PARTITION_BYTES.get(name)
  if (byte === undefined) throw new TypeError(`expected public, private or local, got ${String(name)}`)
  return byte
}

/** The LevelDB key of a row. */
export function prefixed(partition: number, key: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(key.length + 1)
  bytes[0] = partition
  bytes.set(key, 1)
  return bytes
}

/** The row key in a LevelDB key. */
export function unprefixed(levelKey: Uint8Array): Uint8Array {
  return new Uint8Array(levelKey.buffer, levelKey.byteOffset + 1, levelKey.length - 1)
}

/** Seals rows for the place they lie in. */
export class RowSealer implements ValueSealer {
  readonly #storeId: Uint8Array
  readonly #key: SealingKey
  readonly #pool = new Uint8Array(RANDOM_POOL_BYTES)
  #poolAt = RANDOM_POOL_BYTES

  constructor(storeId: Uint8Array, key: SealingKey) {
    this.#storeId = storeId
    this.#key = key
  }

  seal(levelKey: Uint8Array, value: Uint8Array): Uint8Array {
    return seal(this.#key, value, this.#associatedData(levelKey), this.#random())
  }

  /** @throws {CorruptRowError} `STORE_CORRUPT_ROW` when the value was not sealed for this key. */
  open(levelKey: Uint8Array, sealed: Uint8Array): Uint8Array {
    const value = open(this.#key, sealed, this.#associatedData(levelKey))
    if (value === undefined) throw corruptRow(levelKey)
    return value
  }

  #associatedData(levelKey: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(this.#storeId.length + levelKey.length + 1)
    bytes.set(this.#storeId)
    bytes.set(levelKey, this.#storeId.length)
    bytes[bytes.length - 1] = FORMAT_VERSION
    return bytes
  }

  #random(): Uint8Array {
    if (this.#poolAt === RANDOM_POOL_BYTES) {
      randomFillSync(this.#pool)
      this.#poolAt = 0
    }
    this.#poolAt += SEAL_RANDOM_BYTES
    return this.#pool.subarray(this.#poolAt - SEAL_RANDOM_BYTES, this.#poolAt)
  }
}

/** The error for a row that cannot be read. Rows of the store itself count as local. */
export function corruptRow(levelKey: Uint8Array, options?: ErrorOptions): CorruptRowError {
  const [name] = [...PARTITION_BYTES].find(([, byte]) => byte === levelKey[0]) ?? ['local']
  return new CorruptRowError(name, Uint8Array.from(unprefixed(levelKey)), options)
}
