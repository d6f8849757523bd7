/* The first half of a session: who is there, and may it be. See the picture in `session.ts`. */
import { type Commit, isSignedBy } from '../entry/commit.ts'
import type { SystemRecord } from '../entry/records.ts'
import { invariant } from '../errors.ts'
import type { FeedPlace } from './feed-place.ts'
import {
  commonVersion,
  type Hello,
  handshakeMac,
  isSameMac,
  provesActor,
  type SessionRole,
  SYNC_VERSIONS
} from './handshake-mac.ts'
import { feedId, storeId } from './identity.ts'
import type { AuthMessage, EchoMessage } from './messages.ts'
import {
  type Own,
  refuse,
  type SessionOutput,
  type SessionState,
  type Step,
  send,
  to
} from './session-state.ts'

export function onStart(state: SessionState, own: Own): Step {
  const { init } = state
  if (init.peer === init.device) return refuse(state, 'SYNC_REFUSED')
  const hello = { versions: SYNC_VERSIONS, capabilities: [], instance: own.instance, nonce: init.nonce }
  const next = { ...state, hello, toldInstance: hello.instance }
  return init.role === 'dialer' ? to(next, send({ type: 'hello', ...hello })) : to(next)
}

export function onHello(state: SessionState, peerHello: Hello): Step {
  if (commonVersion(peerHello.versions) === undefined) return refuse(state, 'SYNC_VERSION')
  const next: SessionState = { ...state, peerHello, peerInstance: peerHello.instance, phase: 'proof' }
  if (state.init.role === 'dialer') return to(next)
  invariant(state.hello !== undefined, 'a session starts before it is spoken to')
  return to(
    next,
    send({ type: 'hello', ...state.hello }),
    send({ type: 'proof', mac: macOf(next, 'listener') })
  )
}

export function onProof(state: SessionState, mac: Uint8Array): Step {
  const isDialer = state.init.role === 'dialer'
  if (!isSameMac(mac, macOf(state, isDialer ? 'listener' : 'dialer'))) {
    return refuse(state, 'SYNC_WRONG_SPACE')
  }
  const next: SessionState = { ...state, phase: 'auth', isBusy: isDialer }
  if (!isDialer) return to(next)
  return to(next, send({ type: 'proof', mac: macOf(state, 'dialer') }), readCredentials(next))
}

export function onAuth(state: SessionState, auth: AuthMessage): Step {
  const { actor, records, feed, known } = auth
  if (!provesActor(records, state.init.peer, actor)) return refuse(state, 'SYNC_BAD_PROOF')
  const next: SessionState = { ...state, phase: 'echo', isBusy: true, peerAuth: auth, peerFeed: feed }
  const isDialer = state.init.role === 'dialer'
  return to(next, isDialer ? { type: 'read-head', actor, place: known } : readCredentials(next))
}

function readCredentials({ init, peerInstance }: SessionState): SessionOutput {
  return { type: 'read-credentials', store: storeId(init.peer, peerInstance) }
}

export function onCredentials(
  state: SessionState,
  records: readonly SystemRecord[],
  known: FeedPlace | undefined,
  own: Own
): Step {
  const { peerAuth } = state
  const feed = feedId(own.instance, own.shared)
  const auth = send({ type: 'auth', actor: own.actor, records, feed, known })
  const next = { ...state, toldFeed: feed, peerPlaces: { ...state.peerPlaces, known } }
  if (peerAuth === undefined) return to({ ...next, isBusy: false }, auth)
  return to(next, auth, { type: 'read-head', actor: peerAuth.actor, place: peerAuth.known })
}

export function onHead(state: SessionState, head: Commit | undefined, hasPlace: boolean): Step {
  return to({ ...state, isBusy: false }, send({ type: 'echo', hasPlace, head }))
}

/** Judges the echo before anything of the peer's is stored, so that a restored store is a new actor by then. */
export function onEcho(state: SessionState, { head, hasPlace }: EchoMessage, own: Own): Step {
  const next = { ...state, isBusy: true, peerPlaces: { ...state.peerPlaces, isShared: hasPlace } }
  if (head === undefined) return admit(next)
  const { space, device } = state.init
  if (head.space !== space || !isSignedBy(head, device)) return refuse(state, 'SYNC_BAD_PROOF')
  // When another line's echo has made us a new actor meanwhile, what the old one wrote is no longer our concern.
  return head.actor === own.actor ? to(next, { type: 'recognise', head }) : admit(next)
}

export function admit(state: SessionState): Step {
  invariant(state.peerAuth !== undefined, 'a peer is admitted after it has said who it is')
  return to(state, { type: 'admit', records: state.peerAuth.records })
}

export function onAdmitted(state: SessionState, isMember: boolean): Step {
  if (!isMember) return refuse(state, 'SYNC_NOT_A_MEMBER')
  return to({ ...state, isBusy: false, peerAuth: undefined, phase: 'idle' }, { type: 'ready' })
}

function macOf(state: SessionState, role: SessionRole): Uint8Array {
  const { init, hello, peerHello } = state
  invariant(hello !== undefined && peerHello !== undefined, 'both hellos are known')
  const ours = { device: init.device, hello }
  const theirs = { device: init.peer, hello: peerHello }
  const ends =
    init.role === 'dialer' ? { dialer: ours, listener: theirs } : { dialer: theirs, listener: ours }
  return handshakeMac(init.handshakeKey, role, ends)
}
