/*
 * The second half of a session: one sync after the other. Each end reads what it is to have of the other's feed
 * (`Pull`) and answers what it is asked (`Serving`); when both have all they want, the sync is over.
 */
import { equalBytes, NO_BYTES, startsWith } from '../entry/bytes.ts'
import { invariant } from '../errors.ts'
import type { Batch } from './batch.ts'
import { type FeedPlace, isSamePlace } from './feed-place.ts'
import { feedId, storeId } from './identity.ts'
import { MAX_EMPTY_PAGES, MAX_FEED_CHANGES, MAX_SYNC_PAGES } from './limits.ts'
import type { BeginMessage, FeedMessage, PageMessage, SinceMessage, SyncRequest } from './messages.ts'
import {
  type Exchange,
  type Own,
  type PageRead,
  type Pull,
  refuse,
  type Serving,
  type SessionState,
  type Step,
  type SyncCounts,
  send,
  to
} from './session-state.ts'
import type { FeedProgress, FeedReading, IngestReport } from './sync-replica.ts'

/* Beginning */

export function onSync(state: SessionState, request: SyncRequest, own: Own): Step {
  invariant(state.phase === 'idle' && state.init.role === 'dialer', 'an idle dialer begins a sync')
  const { direction } = request
  const exchange = newExchange(request, direction !== 'push', direction !== 'pull')
  const feed = feedOf(own)
  const begin = send({
    type: 'begin',
    end: own.end,
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
  return pullFrom(next, message.end, own)
}

function newExchange(request: SyncRequest, isPulling: boolean, isServing: boolean): Exchange {
  const pull: Pull = {
    end: undefined,
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
function pullFrom(state: SessionState, end: FeedPlace | undefined, own: Own): Step {
  const { pull, request } = exchangeOf(state)
  if (pull.isFinished) return settle(state)
  if (request.paths !== undefined) return ask(state, 0n, own)
  invariant(state.peerFeed !== undefined, 'each end has named its feed in the handshake')
  const next = withPull({ ...state, isBusy: true }, { end })
  return to(next, {
    type: 'read-progress',
    store: peerStore(state),
    feed: state.peerFeed,
    scope: request.scope
  })
}

export function onProgress(state: SessionState, { place: known, lsn }: FeedProgress, own: Own): Step {
  const { end } = exchangeOf(state).pull
  const { peerPlaces } = state
  const isAsBefore = isSamePlace(known, peerPlaces.known)
  const isShared = isAsBefore ? peerPlaces.isShared : undefined
  const next = { ...state, isBusy: false, peerPlaces: { ...peerPlaces, known, isShared } }
  if (isShared === false) return askFromStart(next, own)
  if (end?.lsn === lsn && isSamePlace(known, end)) return settle(withPull(next, { isFinished: true }))
  return ask(withPull(next, { recorded: lsn }), lsn, own)
}

/** Of a store that goes by the name of another: the numbers of one mean nothing in the other. */
function askFromStart(state: SessionState, own: Own): Step {
  return ask(withPull(state, { recorded: 0n }), 0n, own)
}

function ask(state: SessionState, lsn: bigint, own: Own): Step {
  const requestCount = exchangeOf(state).pull.requestCount + 1
  if (requestCount > MAX_SYNC_PAGES) return refuse(state, 'SYNC_LIMIT')
  const asked = withPull(state, { after: lsn, isAsked: true, requestCount })
  const instance = newInstance(state, own)
  const since = send({ type: 'since', after: lsn, instance, known: placeToTell(state) })
  return to({ ...asked, toldInstance: own.instance }, since)
}

/** What the peer has to confirm before it answers. */
function placeToTell({ peerPlaces, exchange }: SessionState): FeedPlace | undefined {
  const { known, isShared } = peerPlaces
  return exchange?.request.paths !== undefined || isShared === false ? undefined : known
}

export function onFeed(state: SessionState, message: FeedMessage, own: Own): Step {
  const { feed } = message
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
  if (!isSame(feed, state.peerFeed)) return pullFrom(next, undefined, own)
  if (placeToTell(state) === undefined) return refuse(state, 'SYNC_UNEXPECTED_MESSAGE')
  return askFromStart({ ...next, peerPlaces: { ...state.peerPlaces, isShared: false } }, own)
}

export function onPage(state: SessionState, page: PageMessage, own: Own): Step {
  const { pull, request } = exchangeOf(state)
  const isAnswer =
    pull.isAsked && (request.paths === undefined ? isNextOf(pull, page) : isNextOfPaths(pull, page))
  if (!isAnswer || !isWithin(page.batch, request)) return refuse(state, 'SYNC_UNEXPECTED_MESSAGE')
  const emptyPageCount = isEmpty(page.batch) ? pull.emptyPageCount + 1 : 0
  if (emptyPageCount > MAX_EMPTY_PAGES) return refuse(state, 'SYNC_LIMIT')
  const { peerPlaces } = state
  const isShared = placeToTell(state) === undefined ? peerPlaces.isShared : true
  const answered = { ...state, peerPlaces: { ...peerPlaces, isShared } }
  const next = withPull(answered, { isAsked: false, emptyPageCount })
  return pull.ingesting === undefined ? take(next, page, own) : to(withPull(next, { waiting: page }))
}

function isNextOf(pull: Pull, { next, hasMore, end }: PageMessage): boolean {
  return end !== undefined && (hasMore ? next > pull.after : next >= pull.after)
}

function isNextOfPaths(pull: Pull, { next, end }: PageMessage): boolean {
  return end === undefined && next === pull.after + 1n
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
  const told = {
    ...asked.state,
    peerPlaces: { ...state.peerPlaces, told: page.end ?? state.peerPlaces.told }
  }
  const output = { type: 'ingest', batch: page.batch, reading: readingOf(state, page) } as const
  return to(withPull(told, { ingesting, recorded: page.next }), ...asked.outputs, output)
}

/** A page as something that was read of the peer's feed. Single paths are read of none. */
function readingOf(state: SessionState, { next, end: told }: PageMessage): FeedReading | undefined {
  const { peerFeed: feed, peerPlaces } = state
  const { request, pull } = exchangeOf(state)
  if (told === undefined || feed === undefined) return undefined
  const { known, isShared } = peerPlaces
  const store = peerStore(state)
  const { scope } = request
  return { store, known, isContinued: isShared === true, told, feed, scope, after: pull.recorded, next }
}

export function onIngested(state: SessionState, report: IngestReport, own: Own): Step {
  const { pull } = exchangeOf(state)
  const { told } = state.peerPlaces
  const places = isByPaths(state) ? state.peerPlaces : { known: told, isShared: true, told }
  const next = withPull(
    { ...state, peerPlaces: places },
    {
      ingesting: undefined,
      waiting: undefined,
      received: pull.received + (pull.ingesting ?? 0),
      conflicts: pull.conflicts + report.conflicts
    }
  )
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
  if (!isSame(feed, state.toldFeed)) return tellFeed(asked, feed, own)
  const { known, isShared, told } = state.peerPlaces
  const places = [isShared === true ? known : undefined, told].filter((place) => place !== undefined)
  const query = {
    after: lsn,
    scope: request.scope,
    shared: own.shared,
    reader: { store: peerStore(state), places }
  }
  return to(reading, { type: 'read-feed', query, place: message.known })
}

function tellFeed(state: SessionState, feed: Uint8Array | undefined, own: Own): Step {
  const told = { toldInstance: own.instance, toldFeed: feed ?? state.toldFeed }
  return to({ ...state, ...told }, send({ type: 'feed', instance: newInstance(state, own), feed }))
}

export function onPageRead(state: SessionState, page: PageRead, own: Own): Step {
  const { serving, request } = exchangeOf(state)
  if (page === undefined) return tellFeed(withServing(state, { isReading: false }), feedOf(own), own)
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
  return to(next, send({ type: 'page', end: undefined, ...page }))
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

function peerStore({ init, peerInstance }: SessionState): Uint8Array {
  return storeId(init.peer, peerInstance)
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
