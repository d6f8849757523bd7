/*
 * How a store knows that it goes on where it stopped.
 *
 *   file lease    nonce (16 bytes) ‖ place (32)
 *   row           nonce (16 bytes) ‖ place (32) ‖ inode of the file (8) ‖ its ctime in ns (8) ‖ how it stands (1) ‖ doubt (1)
 *   place         HMAC-SHA256(lease key, nonce ‖ device ‖ inode of the directory ‖ inode of rows/ ‖ machine id)
 *
 * Both are rewritten at every opening, before a caller gets the store, and at closing: first the file, then the row.
 * A copied directory is at another place; one restored where it was has a lease file with a new ctime, which no
 * tool can set back; one of the two parts restored alone carries an old nonce. A crash between file and row
 * looks like a copy, which is the safe mistake: it costs a new actor, the other one costs acknowledged writes.
 *
 * A doubt stays in the row until whoever writes here has drawn its consequence, however often the store is opened
 * before that: a copy that was only looked into is still a copy.
 *
 * What one machine cannot see: a clone or a rollback of the whole disk below the file system; and, after a crash,
 * rows alone restored into the directory they were in, from a backup made since the last opening.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Continuity } from '../store.ts'
import { LEASE_FILE, ROWS_DIRECTORY, readIfPresent, replaceFile } from './files.ts'

const NONCE_BYTES = 16
const PLACE_BYTES = 32
const FILE_BYTES = NONCE_BYTES + PLACE_BYTES

/** How the store stands: stopped, or open with a durability. */
export type LeaseState = 'stopped' | 'open-disk' | 'open-os'
const STATES: readonly LeaseState[] = ['stopped', 'open-disk', 'open-os']

/** Doubts that outlive an opening. A store that was never written to needs none. */
const DOUBTS: readonly Continuity[] = ['kept', 'copied-or-restored', 'unclean-stop']

/** What the last lease says about the store that is being opened. `row` is `undefined` when it cannot be read. */
export async function judgeLease(
  directory: string,
  leaseKey: Uint8Array,
  row: Uint8Array | undefined
): Promise<Continuity> {
  const file = await readIfPresent(join(directory, LEASE_FILE))
  if (file === undefined || row === undefined) return 'copied-or-restored'
  const nonce = row.subarray(0, NONCE_BYTES)
  const [stateByte, doubtByte = 0] = row.subarray(-2)
  const here = await leaseBytes(directory, leaseKey, nonce)
  const expected = Buffer.concat([here, await fileStamp(directory), row.subarray(-2)])
  if (!expected.equals(row) || !here.equals(file)) return 'copied-or-restored'
  const doubt = DOUBTS[doubtByte] ?? 'copied-or-restored'
  if (doubt !== 'kept') return doubt
  // Without a crash a store is stopped; in durability `disk` a crash loses nothing that was acknowledged.
  return stateByte === STATES.indexOf('open-os') ? 'unclean-stop' : 'kept'
}

/** Writes the file of a new lease and returns its row, which the caller makes durable. */
export async function renewLease(
  directory: string,
  leaseKey: Uint8Array,
  state: LeaseState,
  doubt: Continuity
): Promise<Uint8Array> {
  const bytes = await leaseBytes(directory, leaseKey, randomBytes(NONCE_BYTES))
  await replaceFile(join(directory, LEASE_FILE), bytes)
  const standing = Uint8Array.of(STATES.indexOf(state), Math.max(DOUBTS.indexOf(doubt), 0))
  return Buffer.concat([bytes, await fileStamp(directory), standing])
}

async function leaseBytes(directory: string, leaseKey: Uint8Array, nonce: Uint8Array): Promise<Buffer> {
  const outer = await stat(directory, { bigint: true })
  const inner = await stat(join(directory, ROWS_DIRECTORY), { bigint: true })
  const place = createHmac('sha256', leaseKey)
    .update(nonce)
    .update(`${outer.dev}\n${outer.ino}\n${inner.ino}\n${await machineId()}`)
    .digest()
  return Buffer.concat([nonce, place], FILE_BYTES)
}

async function fileStamp(directory: string): Promise<Buffer> {
  const { ino, ctimeNs } = await stat(join(directory, LEASE_FILE), { bigint: true })
  const stamp = Buffer.alloc(16)
  stamp.writeBigUInt64BE(BigInt.asUintN(64, ino), 0)
  stamp.writeBigUInt64BE(BigInt.asUintN(64, ctimeNs), 8)
  return stamp
}

/** Names this machine across restarts. systemd's is unique; elsewhere the host's name has to do. */
async function machineId(): Promise<string> {
  try {
    const id = (await readFile('/etc/machine-id', 'utf8')).trim()
    return id === '' ? hostname() : id
  } catch {
    return hostname()
  }
}
