import type { DoctorReport, HomeFinding, PeerInfo } from 'cis-memory/session'
import { explain } from '../explain.ts'
import { noticeText } from '../render/notice.ts'
import { printableLine } from '../render/terminal-text.ts'
import { ago, count } from '../render/time.ts'
import { name } from '../render/version.ts'

/** What one look has shown. */
export interface Finding {
  /** What was looked at. */
  readonly check: string
  readonly state: 'ok' | 'attention'
  readonly says: string
  /** The code of an error. */
  readonly code?: string | undefined
  /** Commands that help, without the `cis` in front. */
  readonly next?: readonly string[]
}

/** A clock that is off by less is nobody's concern: two devices never agree to the second. */
const MIN_AHEAD_MS = 60_000
/** Devices that have not met for this long drift apart. */
const LONG_AGO_MS = 7 * 24 * 60 * 60_000

const FINE: Readonly<Record<HomeFinding['part'], string>> = {
  home: 'nobody else can change what is in it',
  key: 'nobody else can read it',
  configuration: 'config.toml says nothing that it may not',
  socket: 'nobody else can reach into it',
  'model key': 'nobody else can read it'
}

/** What the files of a home have shown. */
export function homeFindings(found: readonly HomeFinding[]): Finding[] {
  return found.map(({ part, problem }) =>
    problem === undefined
      ? { check: part, state: 'ok', says: FINE[part] }
      : failed(part, Object.assign(new Error(problem.message), { code: problem.code }))
  )
}

/** An error as something to look after. */
export function failed(check: string, error: unknown): Finding {
  const { code, message, next } = explain(error)
  return { check, state: 'attention', says: message, code, next }
}

/** What the process that has the store open has shown. */
export function reportFindings(report: DoctorReport, isElsewhere: boolean, nowMs: number): Finding[] {
  return [
    ...store(report, isElsewhere),
    ...clocks(report),
    ...copies(report),
    held(report),
    ...peers(report, nowMs),
    conflicts(report),
    ...thresholds(report),
    curated(report),
    model(report, nowMs)
  ]
}

function store({ rows }: DoctorReport, isElsewhere: boolean): Finding[] {
  const { checked, isComplete, damaged } = rows
  const where = isElsewhere ? 'another process has it open and answers; ' : ''
  const read = isComplete ? count(checked, 'row was', 'rows were') : `the first ${checked} rows were`
  if (damaged.length === 0) return [ok('store', `${where}${read} read, none is damaged`)]
  return damaged.map((each) => ({
    check: 'store',
    state: 'attention',
    code: 'STORE_CORRUPT_ROW',
    says: `${count(each.count, 'row', 'rows')} of ${each.kind} (${each.partition}) ${each.count === 1 ? 'was' : 'were'} altered on disk; all others stay readable. Restore a backup, or write again what is missing`
  }))
}

function clocks({ clocksAhead }: DoctorReport): Finding[] {
  const far = clocksAhead.filter(({ aheadMs }) => aheadMs >= MIN_AHEAD_MS)
  if (far.length === 0) return [ok('clock', 'no device writes ahead of the clock here')]
  return far.map((each) => ({
    check: 'clock',
    state: 'attention',
    says: `${name(each.name)} has written with a date ${ago(each.aheadMs, 0).replace('in ', '')} ahead of the clock here; set whichever of the two is wrong`
  }))
}

/** What an epoch tells was taken care of when it began; a fork goes on until somebody stops using one of the two. */
function copies({ notices }: DoctorReport): Finding[] {
  if (notices.length === 0) return [ok('copies', 'no store of this space is known to be in use twice')]
  return notices.map((notice) => ({
    check: 'copies',
    state: notice.kind === 'fork' ? 'attention' : 'ok',
    says: noticeText(notice)
  }))
}

function held({ held }: DoctorReport): Finding {
  if (held === 0) return ok('held', 'nothing that has arrived waits')
  return {
    check: 'held',
    state: 'attention',
    says: `${count(held, 'entry has', 'entries have')} arrived and cannot be judged yet: a proof or a member is missing, or the time has not come`,
    next: ['memory sync']
  }
}

function peers({ peers }: DoctorReport, nowMs: number): Finding[] {
  const members = peers.filter(({ role }) => role !== 'unknown')
  if (members.length === 0) return [ok('peers', 'this device is alone in its space')]
  const lost = members.filter((peer) => !peer.isConnected && nowMs - (peer.lastSyncedAt ?? 0) > LONG_AGO_MS)
  const seen = (peer: PeerInfo): string =>
    peer.lastSyncedAt === undefined ? 'never' : ago(peer.lastSyncedAt, nowMs)
  if (lost.length === 0) {
    const all = members.map((peer) => `${name(peer.name)} (${peer.isConnected ? 'connected' : seen(peer)})`)
    return [ok('peers', `synced with ${all.join(', ')}`)]
  }
  return lost.map((peer) => ({
    check: 'peers',
    state: 'attention',
    says:
      peer.lastSyncedAt === undefined
        ? `${name(peer.name)} was never synced with from here`
        : `${name(peer.name)} was synced with ${seen(peer)}`,
    next: ['memory sync']
  }))
}

function conflicts({ conflicts, scope }: DoctorReport): Finding {
  const { open, settledByPolicy } = conflicts
  const decided =
    settledByPolicy === 0
      ? ''
      : `; ${settledByPolicy} more ${settledByPolicy === 1 ? 'is' : 'are'} decided by a policy`
  if (open === 0) return ok('conflicts', `none is open${decided}`)
  return {
    check: 'conflicts',
    state: 'attention',
    says: `${count(open, 'conflict is', 'conflicts are')} open in ${printableLine(scope)}: agents get nothing there${decided}`,
    next: ['memory conflicts list']
  }
}

function thresholds({ thresholds }: DoctorReport): Finding[] {
  return thresholds.map(({ reached, threshold }) => ({
    check: 'conflicts',
    state: 'attention',
    says:
      reached === 'open'
        ? `alert_open is reached: ${threshold} or more are open in the whole space`
        : `alert_per_day is reached: ${threshold} or more were noticed within a day`,
    next: ['memory conflicts stats']
  }))
}

function curated({ stale: { count: total, limit } }: DoctorReport): Finding {
  if (total === 0) return ok('curated', 'every private copy says what its source says')
  const many =
    total === limit
      ? `${limit} or more curated memories are`
      : count(total, 'curated memory is', 'curated memories are')
  return { check: 'curated', state: 'attention', says: `${many} stale`, next: ['curate --stale'] }
}

function model({ model }: DoctorReport, nowMs: number): Finding {
  const { isConfigured, isAskedByPolicy, lastFailure } = model
  if (isAskedByPolicy && !isConfigured) {
    return {
      check: 'model',
      state: 'attention',
      code: 'CIS_NO_MODEL',
      says: 'a policy is "ai_merge", and no model is set up: its conflicts stay open. Name one under [ai] in config.toml'
    }
  }
  if (lastFailure !== undefined) {
    const { path, code, at } = lastFailure
    return {
      check: 'model',
      state: 'attention',
      code,
      says: `it failed to merge ${printableLine(path)} ${ago(at, nowMs)}`,
      next: [`memory conflicts propose ${printableLine(path)}`]
    }
  }
  return ok('model', isConfigured ? 'one is set up' : 'none is set up, so nothing is sent to any')
}

function ok(check: string, says: string): Finding {
  return { check, state: 'ok', says }
}
