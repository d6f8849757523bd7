/*
 * Joining, `/cis/join/1`, over an encrypted line between two proven devices. Each message is a CBOR map with its type
 * at key 0, unknown keys are ignored:
 *
 *   joiner                                   inviter
 *   1 ask   1 versions · 2 invitation(16)
 *           · 3 nonce(16)                 ->
 *                                         <- 2 offer    1 nonce(16) · 2 mac(32)
 *   3 claim 1 mac(32) · 2 name            ->
 *                                         <- 4 welcome  1 genesis · 2 records · 3 space secret(32) · 4 addresses
 *   5 done                                ->
 *
 * Either may answer 6 error, 1 code. A record is [bytes, signature]. A mac is
 * HMAC-SHA256(secret of the invitation, "cis/join/1" ‖ 0 ‖ CBOR [role, inviter, joiner, invitation, joiner's versions,
 * joiner's nonce, inviter's nonce]), role: 0 inviter · 1 joiner.
 *
 * Each side says one thing at a time, so this is plain sequential code; the channel, the store and the runtime are
 * handed in.
 */
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import { type DeviceId, devicePublicKey } from '../entry/ed25519.ts'
import { hmac, ID_BYTES } from '../entry/hash.ts'
import { hasValidSignature } from '../entry/records.ts'
import { recordFromCbor, recordToCbor } from '../entry/signed-record.ts'
import { SPACE_SECRET_BYTES } from '../entry/space-keys.ts'
import { CoreError, type CoreErrorCode } from '../errors.ts'
import { MAX_LABEL_BYTES, SESSION_IDLE_MS } from '../limits.ts'
import type { AbortOptions, FrameChannel } from '../ports/channel.ts'
import type { Runtime } from '../ports/runtime.ts'
import { Membership } from '../replica/membership.ts'
import { codeFor, endingCause, endingError } from './ending.ts'
import { isSameMac } from './handshake-mac.ts'
import { type Invitation, invitationId, readAddresses } from './invitation.ts'
import type { InvitationStore, Joiner, StoredInvitation, Welcome } from './invitation-store.ts'
import { GOODBYE_MS, JOIN_DECISION_MS, MAX_CODE_BYTES, MAX_VERSIONS, MAX_WELCOME_RECORDS } from './limits.ts'

export const JOIN_VERSIONS: readonly number[] = [1]

const NONCE_BYTES = 16
const MAC_BYTES = 32
const LABEL = Buffer.from('cis/join/1\0')
const ASK = 1
const OFFER = 2
const CLAIM = 3
const WELCOME = 4
const DONE = 5
const ERROR = 6
const MAX_TYPE = 255

type RefusalCode = Extract<
  CoreErrorCode,
  'CORE_INVITATION_INVALID' | 'CORE_INVITATION_EXPIRED' | 'CORE_INVITATION_USED'
>

const REFUSALS: Readonly<Record<RefusalCode, string>> = {
  CORE_INVITATION_INVALID:
    'the device that should have made this invitation does not know it; ask for a new one',
  CORE_INVITATION_EXPIRED: 'this invitation has expired; ask for a new one',
  CORE_INVITATION_USED: 'this invitation has admitted another device already; ask for a new one'
}

/** What both ends put into their macs. */
export interface JoinTranscript {
  readonly inviter: DeviceId
  readonly joiner: DeviceId
  readonly invitation: Uint8Array
  readonly versions: readonly number[]
  readonly joinerNonce: Uint8Array
  readonly inviterNonce: Uint8Array
}

export interface JoinOptions extends AbortOptions {
  /** To the device that made the invitation. */
  readonly channel: FrameChannel
  readonly runtime: Runtime
  readonly invitation: Invitation
  /** This device and what its owner calls it. */
  readonly self: Joiner
  /**
   * The inviter has shown that it knows the invitation, and this device is about to claim it: the last moment to make
   * its key durable, since whoever asks again with the same key gets the same welcome.
   */
  readonly prepare?: () => Promise<void>
  /** Makes this device a member, durably. The inviter is thanked after it. */
  readonly adopt: (welcome: Welcome) => Promise<void>
}

/**
 * Joins the space of an invitation.
 *
 * @returns where the inviter can be reached from now on
 * @throws {CoreError} `CORE_INVITATION_INVALID`, `CORE_INVITATION_EXPIRED`, `CORE_INVITATION_USED`
 * @throws {SyncError} `SYNC_REFUSED` when the inviter's owner said no; any other code when the line or the peer fails
 */
export async function joinSpace(options: JoinOptions): Promise<{ readonly addresses: readonly string[] }> {
  const { channel, runtime, invitation, self } = options
  return conduct(options, async (line) => {
    if (channel.peer !== invitation.inviter) throw endingError('SYNC_REFUSED', false)
    const joinerNonce = runtime.random(NONCE_BYTES)
    const id = invitationId(invitation.secret)
    await line.send(ASK, JOIN_VERSIONS, id, joinerNonce)

    const offer = await line.receive(OFFER, JOIN_DECISION_MS)
    const transcript: JoinTranscript = {
      inviter: invitation.inviter,
      joiner: self.device,
      invitation: id,
      versions: JOIN_VERSIONS,
      joinerNonce,
      inviterNonce: offer.bytes(1, NONCE_BYTES)
    }
    const mac = joinMac(invitation.secret, 'inviter', transcript)
    if (!isSameMac(offer.bytes(2, MAC_BYTES), mac)) throw refusal('CORE_INVITATION_INVALID')
    await options.prepare?.()
    await line.send(CLAIM, joinMac(invitation.secret, 'joiner', transcript), self.name)

    const { welcome, addresses } = readWelcome(await line.receive(WELCOME, JOIN_DECISION_MS))
    checkWelcome(welcome, invitation, self.device)
    await options.adopt(welcome)
    await line.send(DONE)
    return { addresses }
  })
}

export interface AnswerJoinOptions extends AbortOptions {
  readonly channel: FrameChannel
  readonly runtime: Runtime
  readonly device: DeviceId
  readonly store: InvitationStore
  /** Where this device can be reached. */
  readonly addresses: () => readonly string[]
  /** Asks the owner. @default everyone who proves the invitation may join */
  readonly onJoiner?: (joiner: Joiner) => boolean | Promise<boolean>
}

/** What became of a device that asked to join. */
export interface JoinOutcome {
  /** Who was admitted; a member from here on, even if the answer was lost. */
  readonly joiner: Joiner | undefined
  readonly error: unknown
}

/** Answers a device that wants to join. Never rejects. */
export async function answerJoin(options: AnswerJoinOptions): Promise<JoinOutcome> {
  const { channel, runtime, store, device, onJoiner } = options
  let admitted: Joiner | undefined
  try {
    await conduct(options, async (line) => {
      const ask = await line.receive(ASK, SESSION_IDLE_MS)
      const versions = readVersions(ask)
      if (!versions.some((version) => JOIN_VERSIONS.includes(version)))
        throw endingError('SYNC_VERSION', false)
      const invitation = await store.findInvitation(ask.bytes(2, ID_BYTES))
      checkInvitation(invitation, channel.peer, runtime.now())
      const inviterNonce = runtime.random(NONCE_BYTES)
      const transcript: JoinTranscript = {
        inviter: device,
        joiner: channel.peer,
        invitation: invitation.id,
        versions,
        joinerNonce: ask.bytes(3, NONCE_BYTES),
        inviterNonce
      }
      await line.send(OFFER, inviterNonce, joinMac(invitation.secret, 'inviter', transcript))

      const claim = await line.receive(CLAIM, SESSION_IDLE_MS)
      const mac = joinMac(invitation.secret, 'joiner', transcript)
      if (!isSameMac(claim.bytes(1, MAC_BYTES), mac)) throw refusal('CORE_INVITATION_INVALID')
      const joiner = { device: channel.peer, name: claim.text(2, MAX_LABEL_BYTES) }
      const isWelcome = onJoiner === undefined || (await onJoiner(joiner))
      if (!isWelcome) throw endingError('SYNC_REFUSED', false)
      const welcome = await store.admit(invitation.id, joiner)
      admitted = joiner
      await line.send(
        WELCOME,
        recordToCbor(welcome.genesis),
        welcome.records.map(recordToCbor),
        welcome.secret,
        options.addresses()
      )
      await line.receive(DONE, SESSION_IDLE_MS)
    })
    return { joiner: admitted, error: undefined }
  } catch (error) {
    return { joiner: admitted, error }
  }
}

function checkInvitation(
  invitation: StoredInvitation | undefined,
  joiner: DeviceId,
  nowMs: number
): asserts invitation is StoredInvitation {
  if (invitation === undefined) throw refusal('CORE_INVITATION_INVALID')
  if (invitation.expiresAt <= nowMs) throw refusal('CORE_INVITATION_EXPIRED')
  const isOthers = invitation.usedBy !== undefined && invitation.usedBy !== joiner
  if (isOthers) throw refusal('CORE_INVITATION_USED')
}

/** Refuses a welcome unless it is authentic and makes this device a member of the space that the code names. */
function checkWelcome({ genesis, records }: Welcome, invitation: Invitation, device: DeviceId): void {
  const isTheSpace = genesis.kind === 'genesis' && genesis.space === invitation.space
  if (!isTheSpace) throw endingError('SYNC_WRONG_SPACE', false)
  const membership = new Membership(genesis)
  membership.takeIn(records)
  // All of them are kept as they are: what one replica believes, it would send to others.
  const isSound = hasValidSignature(genesis) && records.every(({ id }) => membership.has(id))
  if (!isSound || !membership.isMember(device)) throw endingError('SYNC_BAD_PROOF', false)
}

function readWelcome(fields: Fields): {
  readonly welcome: Welcome
  readonly addresses: readonly string[]
} {
  const genesis = recordFromCbor(fields.value(1))
  if (genesis.kind !== 'genesis') throw endingError('SYNC_MALFORMED', false)
  const records = fields.array(2, MAX_WELCOME_RECORDS).map(recordFromCbor)
  const secret = fields.bytes(3, SPACE_SECRET_BYTES)
  return { welcome: { genesis, records, secret }, addresses: readAddresses(fields, 4) }
}

function readVersions(fields: Fields): readonly number[] {
  const versions = fields.array(1, MAX_VERSIONS)
  if (!versions.every((each): each is number => Number.isSafeInteger(each))) {
    throw endingError('SYNC_MALFORMED', false)
  }
  return versions
}

/** What an end with this role has to send to be believed. */
export function joinMac(
  secret: Uint8Array,
  role: 'inviter' | 'joiner',
  transcript: JoinTranscript
): Uint8Array {
  const fields = [
    role === 'inviter' ? 0 : 1,
    devicePublicKey(transcript.inviter),
    devicePublicKey(transcript.joiner),
    transcript.invitation,
    transcript.versions,
    transcript.joinerNonce,
    transcript.inviterNonce
  ]
  return hmac(secret, LABEL, encodeCbor(fields))
}

/** One end of the conversation. */
interface JoinLine {
  send(type: number, ...fields: readonly unknown[]): Promise<void>
  /** The next message, which has to be of this type and come within a time. */
  receive(type: number, timeoutMs: number): Promise<Fields>
}

/** Holds a conversation to its end: tells the peer what went wrong, if anything did, and closes the line. */
async function conduct<T>(
  options: AbortOptions & { readonly channel: FrameChannel; readonly runtime: Runtime },
  talk: (line: JoinLine) => Promise<T>
): Promise<T> {
  const { channel, runtime, signal } = options
  const line: JoinLine = {
    send: (type, ...fields) =>
      channel.send(encodeFields(type, fields), signal === undefined ? {} : { signal }),
    receive: (type, timeoutMs) => receiveWithin(channel, runtime, type, timeoutMs, signal)
  }
  try {
    signal?.throwIfAborted()
    const result = await talk(line)
    await channel.close()
    return result
  } catch (error) {
    if (signal?.aborted) {
      channel.abort(new Error('the join was aborted'))
      throw error
    }
    const cause = endingCause(error)
    await sayGoodbye(channel, runtime, isRefusal(cause) ? cause.code : codeFor(cause))
    throw cause
  }
}

/** Tells the peer why the conversation ends, within a moment. */
async function sayGoodbye(channel: FrameChannel, runtime: Runtime, code: string): Promise<void> {
  const cancel = runtime.timer(GOODBYE_MS, () => channel.abort(new Error('the peer reads no more')))
  try {
    await channel.send(encodeFields(ERROR, [code]))
    await channel.close()
  } catch {
    channel.abort(new Error('the line is gone'))
  } finally {
    cancel()
  }
}

async function receiveWithin(
  channel: FrameChannel,
  runtime: Runtime,
  type: number,
  timeoutMs: number,
  signal: AbortSignal | undefined
): Promise<Fields> {
  const timeout = new AbortController()
  const cancel = runtime.timer(timeoutMs, () => timeout.abort(endingError('SYNC_TIMEOUT', false)))
  try {
    const either = signal === undefined ? timeout.signal : AbortSignal.any([timeout.signal, signal])
    const frame = await channel.receive({ signal: either })
    if (frame === undefined) throw endingError('SYNC_DISCONNECTED', false)
    return readMessage(frame, type)
  } finally {
    cancel()
  }
}

function readMessage(frame: Uint8Array, type: number): Fields {
  const fields = Fields.ofMap(decodeCbor(frame), 'a join message')
  const actual = fields.integer(0, 0, MAX_TYPE)
  if (actual === ERROR) {
    const code = fields.text(1, MAX_CODE_BYTES)
    throw Object.hasOwn(REFUSALS, code) ? refusal(code as RefusalCode) : endingError(code, true)
  }
  if (actual !== type) throw endingError('SYNC_UNEXPECTED_MESSAGE', false)
  return fields
}

function encodeFields(type: number, fields: readonly unknown[]): Uint8Array {
  return encodeCbor(new Map<number, unknown>([type, ...fields].map((value, key) => [key, value])))
}

function refusal(code: RefusalCode): CoreError {
  return new CoreError(code, REFUSALS[code])
}

function isRefusal(error: unknown): error is CoreError {
  return error instanceof CoreError && Object.hasOwn(REFUSALS, error.code)
}
