import { concat, uint64Bytes } from '../entry/bytes.ts'
import { malformed } from '../entry/cbor.ts'
import { TOKEN_BYTES } from '../entry/path.ts'

/*
 * What a conflict id stands for: κ of its path, and behind it, once it has stopped to, 8 bytes of when, in milliseconds
 * since 1970. Tokens have 16 bytes, which tells the two apart.
 */

const TIME_BYTES = 8

export interface ConflictIdRow {
  readonly token: Uint8Array
  /** When the conflict ended or got another id; `undefined` while this is its id. */
  readonly retiredAt: number | undefined
}

export function encodeConflictIdRow({ token, retiredAt }: ConflictIdRow): Uint8Array {
  return retiredAt === undefined ? token : concat(token, uint64Bytes(retiredAt))
}

export function decodeConflictIdRow(bytes: Uint8Array): ConflictIdRow {
  if (bytes.length % TOKEN_BYTES === 0) return { token: bytes, retiredAt: undefined }
  const end = bytes.length - TIME_BYTES
  if (end % TOKEN_BYTES !== 0) throw malformed('the row of a conflict id', 'has half a path token')
  const time = new DataView(bytes.buffer, bytes.byteOffset + end, TIME_BYTES).getBigUint64(0)
  if (time > Number.MAX_SAFE_INTEGER) throw malformed('the row of a conflict id', 'is of no time there is')
  return { token: bytes.subarray(0, end), retiredAt: Number(time) }
}
