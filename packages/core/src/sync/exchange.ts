/*
 * The second half of a session: one sync after the other. Each end reads what it is to have of the other's feed
 * (`Pull`) and answers what it is asked (`Serving`); when both have all they want, the sync is over.
 */
import { equalBytes, NO_BYTES, startsWith } from '../entry/bytes.ts'
import { invariant } from '../errors.ts'
import type { Batch } from './batch.ts'
import { checkpointFeed, feedId, sourceId } from './identity.ts'
import { MAX_EMPTY_PAGES, MAX_FEED_CHANGES, MAX_SYNC_PAGES } from './limits.ts'
import type { BeginMessage, FeedMessage, PageMessage, SinceMessage, SyncRequest } from './messages.ts'
import {
  type Exchange,
  type Own,
  type Pull,
  refuse,
  type Serving,
  type SessionState,
  type Step,
  type SyncCounts,
  send,
  to
} from './session-state.ts'
import type { FeedPage, IngestReport, IngestSource } from './sync-replica.ts'

/* Beginning */

export function onSync(state: SessionState, request: SyncRequest, own: Own): Step {
  invariant(state.phase === 'idle' && state.init.role === 'dialer', 'an idle dialer begins a sync')
  const { direction } = request
  const exchange = newExchange(request, direction !== 'push', direction !== 'pull')
  const feed = feedOf(own)
  const begin = send({
    type: 'begin',
    tip: own.tip,
    instance: newInstance(state, own),
    feed: isSame(feed, state.toldFeed) ? undefined : feed,
    request: isSameRequest(request, state.lastRequest) ? undefined : request
  })
  const told = { toldInstance: own.instance, toldFeed: feed }
  const next: SessionState = { ...state, ...told, phase: 'syncing', lastRequest: request, exchange }
  return after(begin, pullFrom(next, undefined, own))
}

export function onBegin(state: SessionState, message: BeginMessage, own: Own): Step {
  const request = message.request ?? state.lastRequest
  if (request === undefined) return refuse(state, 'SYNC_UNEXPECTED_MESSAGE')
  const { direction } = request
  const exchange = newExchange(request, direction !== 'pull', direction !== 'push')
  const peerInstance = message.instance ?? state.peerInstance
  const next: SessionState = {
    ...state,
    phase: 'syncing',
    lastRequest: request,
    peerInstance,
    peerFeed: message.feed ?? state.peerFeed,
    exchange
  }
  return pullFrom(next, message.tip, own)
}

function newExchange(request: SyncRequest, isPulling: boolean, isServing: boolean): Exchange {
  const pull: Pull = {
    feed: undefined,
    tip: undefined,
    after: 0n,
    recorded: 0n,
    isAsked: false,
    ingesting: undefined,
    waiting: undefined,
    isLastSeen: false,
    isFinished: !isPulling,
    isRefused: false,
    requestCount: 0,
    emptyPageCount: 0,
    feedChangeCount: 0,
    received: 0,
    conflicts: 0
  }
  const serving = { isOpen: isServing, isReading: false, requestCount: 0, pageCount: 0n, sent: 0 }
  return { request, pull, serving, isDoneSent: false, isDoneReceived: false }
}

/* Reading the peer's feed */

/** Starts, or starts again, to read the peer's feed. */
function pullFrom(state: SessionState, tip: bigint | undefined, own: Own): Step {
  const { pull, request } = exchangeOf(state)
  if (pull.isFinished) return settle(state)
  if (request.paths !== undefined) return ask(state, 0n, own)
  invariant(state.peerFeed !== undefined, 'each end has named its feed in the handshake')
  const feed = checkpointFeed(state.init.peer, state.peerFeed)
  const next = withPull({ ...state, isBusy: true }, { feed, tip })
  return to(next, { type: 'read-checkpoint', feed, scope: request.scope })
}

export function onCheckpoint(state: SessionState, lsn: bigint, own: Own): Step {
  const next = { ...state, isBusy: false }
  const hasNews = exchangeOf(state).pull.tip !== lsn
  return hasNews
    ? ask(withPull(next, { recorded: lsn }), lsn, own)
    : settle(withPull(next, { isFinished: true }))
}

function ask(state: SessionState, lsn: bigint, own: Own): Step {
  const requestCount = exchangeOf(state).pull.requestCount + 1
  if (requestCount > MAX_SYNC_PAGES) return refuse(state, 'SYNC_LIMIT')
  const asked = withPull(state, { after: lsn, isAsked: true, requestCount })
  const since = send({ type: 'since', after: lsn, instance: newInstance(state, own) })
  return to({ ...asked, toldInstance: own.instance }, since)
}

export function onFeed(state: SessionState, message: FeedMessage, own: Own): Step {
  const { feed, tip } = message
  const { pull, request } = exchangeOf(state)
  if (!pull.isAsked || (feed !== undefined && request.paths !== undefined)) {
    return refuse(state, 'SYNC_UNEXPECTED_MESSAGE')
  }
  if (feed === undefined) {
    const refused = { isAsked: false, isRefused: true, isLastSeen: true }
    return finishPull(withPull(state, refused))
  }
  const feedChangeCount = pull.feedChangeCount + 1
  if (feedChangeCount > MAX_FEED_CHANGES) return refuse(state, 'SYNC_LIMIT')
  const peerInstance = message.instance ?? state.peerInstance
  const next = withPull({ ...state, peerFeed: feed, peerInstance }, { isAsked: false, feedChangeCount })
  if (!isSame(feed, state.peerFeed)) return pullFrom(next, tip, own)
  // The feed we know ends before what was read of it: the peer has lost something, so all of it is read again.
  if (tip >= pull.after) return refuse(state, 'SYNC_UNEXPECTED_MESSAGE')
  return ask({ ...withPull(next, { recorded: 0n }), isPeerRolledBack: true }, 0n, own)
}

export function onPage(state: SessionState, page: PageMessage, own: Own): Step {
  const { pull, request } = exchangeOf(state)
  const isAnswer =
    pull.isAsked && (request.paths === undefined ? isNextOf(pull, page) : page.next === pull.after + 1n)
  if (!isAnswer || !isWithin(page.batch, request)) return refuse(state, 'SYNC_UNEXPECTED_MESSAGE')
  const emptyPageCount = isEmpty(page.batch) ? pull.emptyPageCount + 1 : 0
  if (emptyPageCount > MAX_EMPTY_PAGES) return refuse(state, 'SYNC_LIMIT')
  const next = withPull(state, { isAsked: false, emptyPageCount })
  return pull.ingesting === undefined ? take(next, page, own) : to(withPull(next, { waiting: page }))
}

function isNextOf(pull: Pull, { next, hasMore }: PageMessage): boolean {
  return hasMore ? next > pull.after : next >= pull.after
}

/** Asks for the page behind this one, and ingests this one meanwhile. */
function take(state: SessionState, page: PageMessage, own: Own): Step {
  const before = exchangeOf(state).pull.after
  const asked = page.hasMore ? ask(state, page.next, own) : to(withPull(state, { isLastSeen: true }))
  // An empty page is worth a write only if it is the last and spares the next sync a search.
  const isWorthless = isEmpty(page.batch) && (page.hasMore || page.next === before || isByPaths(state))
  if (asked.state.phase === 'ended' || (isWorthless && page.hasMore)) return asked
  if (isWorthless) return finishPull(asked.state)
  const ingesting = page.batch.entries.length
  const output = { type: 'ingest', batch: page.batch, source: sourceOf(state, page.next) } as const
  return to(withPull(asked.state, { ingesting, recorded: page.next }), ...asked.outputs, output)
}

function sourceOf(state: SessionState, lsn: bigint): IngestSource {
  const { pull, request } = exchangeOf(state)
  const instance = sourceId(state.init.peer, state.peerInstance)
  return pull.feed === undefined
    ? { instance }
    : { instance, checkpoint: { feed: pull.feed, scope: request.scope, after: pull.recorded, lsn } }
}

export function onIngested(state: SessionState, report: IngestReport, own: Own): Step {
  const { pull } = exchangeOf(state)
  const next = withPull(state, {
    ingesting: undefined,
    waiting: undefined,
    received: pull.received + (pull.ingesting ?? 0),
    conflicts: pull.conflicts + report.conflicts
  })
  return pull.waiting === undefined ? finishPull(next) : take(next, pull.waiting, own)
}

function finishPull(state: SessionState): Step {
  const { isLastSeen, ingesting } = exchangeOf(state).pull
  if (!isLastSeen || ingesting !== undefined) return to(state)
  return settle(withPull(state, { isFinished: true }))
}

/* Answering */

export function onSince(before: SessionState, message: SinceMessage, own: Own): Step {
  const lsn = message.after
  const state = { ...before, peerInstance: message.instance ?? before.peerInstance }
  const { serving, request } = exchangeOf(state)
  if (!serving.isOpen || serving.isReading) return refuse(state, 'SYNC_UNEXPECTED_MESSAGE')
  const asked = withServing(state, { requestCount: serving.requestCount + 1 })
  if (!isAnyShared(request, own.shared))
    return tellFeed(withServing(asked, { isOpen: false }), undefined, own)
  const reading = withServing(asked, { isReading: true })
  if (request.paths !== undefined) {
    if (lsn !== serving.pageCount) return refuse(state, 'SYNC_UNEXPECTED_MESSAGE')
    return to(reading, { type: 'read-paths', paths: request.paths, number: lsn })
  }
  const feed = feedOf(own)
  if (!isSame(feed, state.toldFeed) || lsn > own.tip) return tellFeed(asked, feed, own)
  const requester = state.isPeerRolledBack ? NO_BYTES : sourceId(state.init.peer, state.peerInstance)
  const query = { after: lsn, scope: request.scope, shared: own.shared, requester }
  return to(reading, { type: 'read-feed', query })
}

function tellFeed(state: SessionState, feed: Uint8Array | undefined, own: Own): Step {
  const told = { toldInstance: own.instance, toldFeed: feed ?? state.toldFeed }
  return to(
    { ...state, ...told },
    send({ type: 'feed', tip: own.tip, instance: newInstance(state, own), feed })
  )
}

export function onPageRead(state: SessionState, page: FeedPage, own: Own): Step {
  const { serving, request } = exchangeOf(state)
  // What is shared may be less by now than when the page was read.
  if (!isWithin(page.batch, request) || !isShared(page.batch, own.shared)) {
    return refuse(state, 'SYNC_REFUSED')
  }
  const next = withServing(state, {
    isReading: false,
    isOpen: page.hasMore,
    pageCount: serving.pageCount + 1n,
    sent: serving.sent + page.batch.entries.length
  })
  return to(next, send({ type: 'page', ...page }))
}

/* Ending */

export function onDone(state: SessionState): Step {
  const { serving, isDoneReceived } = exchangeOf(state)
  if (isDoneReceived || serving.isReading) return refuse(state, 'SYNC_UNEXPECTED_MESSAGE')
  return settle(withExchange(withServing(state, { isOpen: false }), { isDoneReceived: true }))
}

/** Says that we have all we want, once that is so; and ends the sync once the peer has said it too. */
function settle(state: SessionState): Step {
  const exchange = exchangeOf(state)
  const { pull, isDoneSent, isDoneReceived } = exchange
  if (!pull.isFinished) return to(state)
  const done = isDoneSent ? [] : [send({ type: 'done', received: pull.received })]
  if (!isDoneReceived) return to(withExchange(state, { isDoneSent: true }), ...done)
  const counts = countsOf(exchange)
  return to({ ...state, phase: 'idle', exchange: undefined }, ...done, { type: 'synced', counts })
}

export function countsOf({ pull, serving }: Exchange): SyncCounts {
  return {
    sent: serving.sent,
    received: pull.received,
    conflicts: pull.conflicts,
    rounds: Math.max(1, pull.requestCount, serving.requestCount),
    isRefused: pull.isRefused
  }
}

/* Small questions and small changes */

function isByPaths(state: SessionState): boolean {
  return exchangeOf(state).request.paths !== undefined
}

function isEmpty({ records, commits, entries }: Batch): boolean {
  return records.length === 0 && commits.length === 0 && entries.length === 0
}

/** Whether every entry of a batch is one that was asked for. */
function isWithin(batch: Batch, { scope, paths }: SyncRequest): boolean {
  return batch.entries.every(({ header }) =>
    paths === undefined ? startsWith(header.path, scope) : paths.some((path) => equalBytes(path, header.path))
  )
}

function isShared(batch: Batch, shared: readonly Uint8Array[]): boolean {
  return batch.entries.every(({ header }) => shared.some((scope) => startsWith(header.path, scope)))
}

/** Whether anything that a request is about may be shared at all. */
function isAnyShared({ scope, paths }: SyncRequest, shared: readonly Uint8Array[]): boolean {
  if (paths !== undefined) {
    return paths.some((path) => shared.some((each) => startsWith(path, each)))
  }
  return shared.some((each) => startsWith(scope, each) || startsWith(each, scope))
}

function feedOf(own: Own): Uint8Array {
  return feedId(own.instance, own.shared)
}

function isSame(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && equalBytes(a, b)
}

/** Our instance, unless the peer knows it. */
function newInstance(state: SessionState, own: Own): Uint8Array | undefined {
  return isSame(own.instance, state.toldInstance) ? undefined : own.instance
}

function isSameRequest(a: SyncRequest, b: SyncRequest | undefined): boolean {
  if (b === undefined || a.direction !== b.direction || !equalBytes(a.scope, b.scope)) return false
  if (a.paths === undefined || b.paths === undefined) return a.paths === b.paths
  const theirs = b.paths
  return (
    a.paths.length === theirs.length &&
    a.paths.every((path, index) => equalBytes(path, theirs[index] ?? NO_BYTES))
  )
}

function exchangeOf(state: SessionState): Exchange {
  invariant(state.exchange !== undefined, 'a sync is under way')
  return state.exchange
}

function withExchange(state: SessionState, change: Partial<Exchange>): SessionState {
  return { ...state, exchange: { ...exchangeOf(state), ...change } }
}

function withPull(state: SessionState, change: Partial<Pull>): SessionState {
  return withExchange(state, { pull: { ...exchangeOf(state).pull, ...change } })
}

function withServing(state: SessionState, change: Partial<Serving>): SessionState {
  return withExchange(state, { serving: { ...exchangeOf(state).serving, ...change } })
}

function after(first: Step['outputs'][number], { state, outputs }: Step): Step {
  return to(state, first, ...outputs)
}
