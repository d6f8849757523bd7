import { toHex } from '../entry/bytes.ts'
import { sha256 } from '../entry/hash.ts'
import { encodeAlternative } from '../entry/payload.ts'
import type { Version } from '../versions.ts'

/**
 * Names what a version says: two versions have one name if and only if they agree, whoever wrote them. One that cannot
 * be opened agrees with none.
 */
export function contentDigest(version: Version): string {
  const { kind } = version
  return kind === 'unreadable'
    ? `unreadable ${version.entryId}`
    : toHex(sha256(encodeAlternative({ ...version, kind })))
}
