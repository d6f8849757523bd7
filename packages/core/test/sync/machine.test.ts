import type { ActorId } from '@cis-memory/clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEpoch, type EpochRecord } from '../../src/entry/records.ts'
import { EMPTY_BATCH } from '../../src/sync/batch.ts'
import type { SessionRole } from '../../src/sync/handshake-mac.ts'
import type { Message } from '../../src/sync/messages.ts'
import { isReading, step } from '../../src/sync/session.ts'
import {
  createSession,
  type Own,
  type SessionInput,
  type SessionOutput,
  type SessionState
} from '../../src/sync/session-state.ts'
import { alice, bob, filled, SPACE } from '../entry/build.ts'
import { anyMessage } from './arbitraries.ts'

const KEY = filled(7, 32)
const WHOLE = [new Uint8Array(0)]
const END = { lsn: 5n, mark: filled(8, 8) }

/** A state machine with a replica that answers at once and has nothing. */
class End {
  state: SessionState
  readonly own: Own
  readonly epoch: EpochRecord
  readonly outputs: SessionOutput[] = []

  constructor(role: SessionRole) {
    const [self, peer] = role === 'dialer' ? [alice, bob] : [bob, alice]
    this.epoch = createEpoch(self, SPACE, 1, filled(3, 16), undefined)
    this.own = {
      actor: this.epoch.actor,
      instance: filled(role === 'dialer' ? 1 : 2, 16),
      end: END,
      shared: WHOLE
    }
    this.state = createSession({
      role,
      space: SPACE,
      device: self.id,
      peer: peer.id,
      handshakeKey: KEY,
      nonce: filled(role === 'dialer' ? 11 : 12, 16)
    })
  }

  /** Takes an input, and gives the answers of its replica to itself until it wants none. Returns what it says. */
  take(input: SessionInput): Message[] {
    const said: Message[] = []
    const inputs = [input]
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      const { state, outputs } = step(this.state, next, this.own)
      this.state = state
      for (const output of outputs) {
        this.outputs.push(output)
        if (output.type === 'send') said.push(output.message)
        const answer = this.#answer(output)
        if (answer !== undefined) inputs.push(answer)
      }
    }
    return said
  }

  #answer(output: SessionOutput): SessionInput | undefined {
    switch (output.type) {
      case 'read-credentials':
        return { type: 'credentials', records: [this.epoch], known: undefined }
      case 'read-head':
        return { type: 'head', head: undefined, hasPlace: false }
      case 'recognise':
        return { type: 'recognised' }
      case 'admit':
        return { type: 'admitted', isMember: true }
      case 'read-progress':
        return { type: 'progress', progress: { place: undefined, lsn: 0n } }
      case 'read-feed':
        return { type: 'page', page: { batch: EMPTY_BATCH, next: 5n, hasMore: false, end: END } }
      case 'read-paths':
        return { type: 'page', page: { batch: EMPTY_BATCH, next: 1n, hasMore: false } }
      case 'ingest':
        return { type: 'ingested', report: { applied: 0, held: 0, known: 0, conflicts: 0 } }
      default:
        return undefined
    }
  }
}

/** Lets two ends talk until both have nothing more to say. */
function talk(dialer: End, listener: End, first: Message[]): void {
  let [toListener, toDialer] = [first, [] as Message[]]
  while (toListener.length + toDialer.length > 0) {
    const [a, b] = [toListener, toDialer]
    toDialer = a.flatMap((message) => listener.take({ type: 'message', message }))
    toListener = b.flatMap((message) => dialer.take({ type: 'message', message }))
  }
}

/** Two ends that have proven who they are. */
function ready(): Record<SessionRole, End> {
  const [dialer, listener] = [new End('dialer'), new End('listener')]
  listener.take({ type: 'start' })
  talk(dialer, listener, dialer.take({ type: 'start' }))
  return { dialer, listener }
}

const request = { direction: 'both', scope: new Uint8Array(0), paths: undefined } as const

const anyEnd = fc.record({ lsn: fc.constantFrom(0n, 5n, 9n), mark: fc.constantFrom(END.mark, filled(9, 8)) })

/** Messages as a peer would send that has read the protocol, mixed with ones that are merely well formed. */
const anyConversation = fc.array(
  fc.oneof(
    anyMessage,
    fc.record({
      type: fc.constant('begin' as const),
      end: anyEnd,
      instance: fc.constant(undefined),
      feed: fc.constantFrom(undefined, filled(9, 16)),
      request: fc.constantFrom(undefined, request, { ...request, direction: 'pull' as const })
    }),
    fc.record({
      type: fc.constant('since' as const),
      after: fc.constantFrom(0n, 1n, 5n),
      instance: fc.constant(undefined),
      known: fc.option(anyEnd, { nil: undefined })
    }),
    fc.record({
      type: fc.constant('page' as const),
      batch: fc.constant(EMPTY_BATCH),
      next: fc.constantFrom(0n, 1n, 5n, 9n),
      hasMore: fc.boolean(),
      end: fc.option(anyEnd, { nil: undefined })
    }),
    fc.constant({ type: 'done' as const, received: 0 })
  ),
  { maxLength: 12 }
)

describe('the state machine of a session', () => {
  it('gets two honest ends ready, and through one sync after the other', () => {
    const { dialer, listener } = ready()
    for (const end of [dialer, listener]) expect(end.outputs.at(-1)).toEqual({ type: 'ready' })
    for (let count = 0; count < 3; count++) {
      talk(dialer, listener, dialer.take({ type: 'sync', request }))
      for (const end of [dialer, listener]) {
        expect(end.outputs.at(-1)).toMatchObject({ type: 'synced' })
        expect(end.state.phase).toBe('idle')
      }
    }
  })

  it('never throws for what a peer says, never answers what was not asked, and says nothing after its end', () => {
    fc.assert(
      fc.property(
        anyConversation,
        fc.constantFrom<SessionRole>('dialer', 'listener'),
        fc.boolean(),
        (messages, role, isReady) => {
          const end = isReady ? ready()[role] : new End(role)
          if (!isReady) end.take({ type: 'start' })
          end.outputs.length = 0
          if (isReady && role === 'dialer') end.take({ type: 'sync', request })
          for (const message of messages) {
            const wasEnded = end.state.phase === 'ended'
            const said = end.take({ type: 'message', message })
            if (wasEnded) expect(said).toEqual([])
          }
          const count = (type: SessionOutput['type']): number =>
            end.outputs.filter((output) => output.type === type).length
          const heard = (type: Message['type']): number =>
            messages.filter((message) => message.type === type).length
          const sent = (type: Message['type']): number =>
            end.outputs.filter((output) => output.type === 'send' && output.message.type === type).length
          expect(sent('page') + sent('feed')).toBeLessThanOrEqual(heard('since'))
          expect(count('ingest')).toBeLessThanOrEqual(Math.min(heard('page'), sent('since')))
          expect(count('ended')).toBe(end.state.phase === 'ended' ? 1 : 0)
          if (!isReady) expect(count('read-feed') + count('ingest') + sent('page')).toBe(0)
        }
      ),
      { numRuns: 600 }
    )
  })

  it('does not read on while it waits for its replica, and refuses a driver that does', () => {
    const { dialer } = ready()
    const { state } = step(dialer.state, { type: 'sync', request }, dialer.own)
    expect(isReading(state)).toBe(false)
    const done: SessionInput = { type: 'message', message: { type: 'done', received: 0 } }
    expect(step(state, done, dialer.own).outputs).toMatchObject([
      { type: 'send', message: { type: 'error', code: 'SYNC_UNEXPECTED_MESSAGE' } },
      { type: 'ended' }
    ])
  })

  it('tells a new instance and a new feed once, as soon as they are new', () => {
    const { dialer, listener } = ready()
    talk(dialer, listener, dialer.take({ type: 'sync', request }))
    const moved: Own = { ...listener.own, instance: filled(0x2a, 16), actor: 'ac'.repeat(16) as ActorId }
    Object.assign(listener.own, moved)
    listener.outputs.length = 0
    talk(dialer, listener, dialer.take({ type: 'sync', request }))
    talk(dialer, listener, dialer.take({ type: 'sync', request }))
    const told = listener.outputs.flatMap((output) =>
      output.type === 'send' && 'instance' in output.message && output.message.instance !== undefined
        ? [output.message]
        : []
    )
    expect(told).toMatchObject([{ instance: moved.instance }])
    expect(dialer.state.peerInstance).toEqual(moved.instance)
  })
})
