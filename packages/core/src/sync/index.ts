/**
 * What a transport needs beside memory itself: sessions and invitations, as bytes on a channel. A process that only
 * reads and writes loads none of it.
 *
 * @packageDocumentation
 */
export { memoryChannelPair } from '../ports/memory-channel.ts'
export { type Batch, type BatchCommit, type BatchEntry, decodeBatch, encodeBatch } from './batch.ts'
export {
  runSession,
  type SessionOptions,
  type SyncOptions,
  type SyncReport,
  SyncSession,
  serveSession
} from './driver.ts'
export {
  decodeInvitation,
  encodeInvitation,
  INVITATION_SECRET_BYTES,
  type Invitation,
  invitationId
} from './invitation.ts'
export type { InvitationStore, Joiner, StoredInvitation, Welcome } from './invitation-store.ts'
export { answerJoin, type JoinOutcome, joinSpace } from './join.ts'
export { MAX_ADDRESS_BYTES, MAX_INVITATION_ADDRESSES } from './limits.ts'
export { type Resolvers, resolvers } from './resolvers.ts'
export type { FeedReading, IngestReport, SyncReplica } from './sync-replica.ts'
