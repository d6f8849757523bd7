/*
 * Broadcasts of a space. A message is 8 random bytes, so that the same memory can be sent twice, and a batch. What is
 * too large to travel whole is announced by its commit alone: whoever lacks it asks for it.
 */
import {
  CoreError,
  MAX_GOSSIP_ENTRY_BYTES,
  MAX_GOSSIP_MESSAGE_BYTES,
  type Replica,
  SyncError
} from '@cis-memory/core'
import { type Batch, decodeBatch, encodeBatch } from '@cis-memory/core/sync'
import type { Verdict } from './gossip.ts'

type ActorId = Replica['actor']

const NONCE_BYTES = 8

/** What a broadcast did here. */
export interface Received {
  readonly verdict: Verdict
  /** Actors of whom it shows that something before it, or the whole of it, is missing here. */
  readonly behind: readonly ActorId[]
  /** Whether it told of members or actors that were not known. */
  readonly hasRecords: boolean
}

const REJECTED: Received = { verdict: 'reject', behind: [], hasRecords: false }

/** The messages that tell peers of a path's live versions, none of them too large to send. */
export async function broadcastOf(replica: Replica, token: Uint8Array): Promise<Uint8Array[]> {
  const batch = await replica.readPaths([token], [new Uint8Array(0)])
  if (batch.entries.length === 0) {
    throw new CoreError('CORE_NOT_FOUND', 'there is no such public memory, so nothing was sent')
  }
  const small = {
    ...batch,
    entries: batch.entries.filter(({ cipher }) => cipher.length <= MAX_GOSSIP_ENTRY_BYTES)
  }
  const whole = toMessage(replica, small)
  if (whole.length <= MAX_GOSSIP_MESSAGE_BYTES) return [whole]
  return small.entries.map((entry) => toMessage(replica, { ...small, entries: [entry] }))
}

/** Checks a broadcast and takes it in. Nothing of it is forwarded unless all of it is authentic. */
export async function receiveBroadcast(replica: Replica, message: Uint8Array): Promise<Received> {
  let batch: Batch
  try {
    batch = decodeBatch(message.subarray(NONCE_BYTES))
  } catch (error) {
    if (isPeersFault(error)) return REJECTED
    throw error
  }
  const hasRecords = batch.records.some((record) => !replica.membership.has(record.id))
  const behind = await actorsBehind(replica, batch)
  try {
    const { held } = await replica.ingest(batch)
    if (held === 0) return { verdict: 'accept', behind, hasRecords }
    const waiting = batch.entries.map(({ header }) => header.dot.actor)
    return { verdict: 'ignore', behind: [...new Set([...behind, ...waiting])], hasRecords }
  } catch (error) {
    if (isPeersFault(error)) return REJECTED
    throw error
  }
}

/** The actors with a commit that is not the one after the latest we can prove, or that came without its entries. */
async function actorsBehind(replica: Replica, batch: Batch): Promise<ActorId[]> {
  const behind = new Set<ActorId>()
  for (const { commit } of batch.commits) {
    const head = await replica.headOf(commit.actor)
    if (commit.last <= (head?.last ?? 0)) continue
    const here = batch.entries.filter((entry) => entry.commit.id === commit.id).length
    if (commit.previous !== head?.id || here < commit.size) behind.add(commit.actor)
  }
  return [...behind]
}

function toMessage(replica: Replica, batch: Batch): Uint8Array {
  const body = encodeBatch(batch)
  const message = new Uint8Array(NONCE_BYTES + body.length)
  message.set(replica.random(NONCE_BYTES))
  message.set(body, NONCE_BYTES)
  return message
}

function isPeersFault(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return (
    error instanceof SyncError || code === 'CORE_MALFORMED' || code === 'CORE_BAD_KEY' || isClockCode(code)
  )
}

function isClockCode(code: unknown): boolean {
  return code === 'CLOCK_MALFORMED' || code === 'CLOCK_LIMIT'
}
