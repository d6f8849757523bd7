/*
 * A sync session as a pure state machine: (state, input, own) -> { state, outputs }. It never reads a clock or a
 * store; `driver.ts` performs its outputs and feeds back what came of them.
 *
 *   dialer                        listener
 *   hello                      ->
 *                              <- hello, proof
 *   proof, auth                ->
 *                              <- auth, echo
 *   echo                       ->              both: judge the echo, then store the records and check membership
 *
 *   begin, since               ->              as often as the dialer likes: each end reads what it is to have of
 *                              <- page, since  the other's feed, page by page, and says when it has all of it
 *   page, since                ->
 *                              <- page, done
 *   done                       ->
 *
 * What always holds:
 *  - Before a peer has proven the space's secret, it has seen two hellos and a mac, and nothing of it was stored.
 *  - The echo is judged before anything is written, so a restored store goes on as a new actor first.
 *  - Nothing is sent but what was asked for, and a page only in answer to a request.
 *  - A page and its checkpoint are one ingest, in order; one page is asked for while the one before is ingested.
 *  - A peer is read on, and is kept from its own echo, only while its feed has the place that was recorded of it last.
 *  - Only the dialer begins a sync. An end that wants to and did not dial opens a session of its own, so none collide.
 *  - Whatever a peer does ends the session with a code at worst.
 */
import {
  countsOf,
  onBegin,
  onDone,
  onFeed,
  onIngested,
  onPage,
  onPageRead,
  onProgress,
  onSince,
  onSync
} from './exchange.ts'
import {
  admit,
  onAdmitted,
  onAuth,
  onCredentials,
  onEcho,
  onHead,
  onHello,
  onProof,
  onStart
} from './handshake.ts'
import type { Message } from './messages.ts'
import {
  end,
  type Own,
  refuse,
  type SessionInput,
  type SessionState,
  type Step,
  type SyncCounts,
  to
} from './session-state.ts'

/** What a session makes of an input. Whatever comes after its end is ignored. */
export function step(state: SessionState, input: SessionInput, own: Own): Step {
  if (state.phase === 'ended') return to(state)
  switch (input.type) {
    case 'start':
      return onStart(state, own)
    case 'message':
      return onMessage(state, input.message, own)
    case 'refuse':
      return refuse(state, input.code)
    case 'closed':
      return end(state, isActive(state) ? 'SYNC_DISCONNECTED' : undefined, false)
    case 'sync':
      return onSync(state, input.request, own)
    case 'credentials':
      return onCredentials(state, input.records, input.known, own)
    case 'head':
      return onHead(state, input.head, input.hasPlace)
    case 'recognised':
      return admit(state)
    case 'admitted':
      return onAdmitted(state, input.isMember)
    case 'progress':
      return onProgress(state, input.progress, own)
    case 'page':
      return onPageRead(state, input.page, own)
    case 'ingested':
      return onIngested(state, input.report, own)
  }
}

function onMessage(state: SessionState, message: Message, own: Own): Step {
  if (message.type === 'error') return end(state, message.code, true)
  if (!isReading(state)) return refuse(state, 'SYNC_UNEXPECTED_MESSAGE')
  switch (state.phase) {
    case 'hello':
      if (message.type === 'hello') return onHello(state, message)
      break
    case 'proof':
      if (message.type === 'proof') return onProof(state, message.mac)
      break
    case 'auth':
      if (message.type === 'auth') return onAuth(state, message)
      break
    case 'echo':
      if (message.type === 'echo') return onEcho(state, message, own)
      break
    case 'idle':
      if (message.type === 'begin' && state.init.role === 'listener') return onBegin(state, message, own)
      break
    case 'syncing':
      if (message.type === 'feed') return onFeed(state, message, own)
      if (message.type === 'since') return onSince(state, message, own)
      if (message.type === 'page') return onPage(state, message, own)
      if (message.type === 'done') return onDone(state)
      break
    case 'ended':
      break
  }
  return refuse(state, 'SYNC_UNEXPECTED_MESSAGE')
}

/** Whether the next message may be read. Otherwise the peer waits. */
export function isReading(state: SessionState): boolean {
  return state.phase !== 'ended' && !state.isBusy && state.exchange?.pull.waiting === undefined
}

/** Whether something is under way, so that silence means trouble. */
export function isActive(state: SessionState): boolean {
  return state.phase !== 'idle' && state.phase !== 'ended'
}

/** What the sync under way has done so far. */
export function progressOf(state: SessionState): SyncCounts | undefined {
  return state.exchange === undefined ? undefined : countsOf(state.exchange)
}
