import type { Notice } from 'cis-memory/session'
import { name } from './version.ts'

/** A notice as a sentence or two: what it is about, what it means, what to do. */
export function noticeText(notice: Notice): string {
  if (notice.kind === 'fork') {
    return `two copies of the store of ${name(notice.deviceName)} have written under one name. All that both wrote is kept; use one of them from now on.`
  }
  const since = new Date(notice.at).toISOString().slice(0, 16).replace('T', ' ')
  return `${WHAT_HAPPENED[notice.reason]} Since ${since} UTC it goes on under a new name. ${WHAT_TO_DO[notice.reason]}`
}

type Reason = Exclude<Notice, { kind: 'fork' }>['reason']

const WHAT_HAPPENED: Readonly<Record<Reason, string>> = {
  'copied-or-restored': 'this store is a copy, or was put back from a backup.',
  'unclean-stop': 'this store was not closed, and its last writes may not have reached the disk.',
  'written-elsewhere':
    'a peer has something that this store wrote and does not have: it is older, or a copy is in use.'
}

const WHAT_TO_DO: Readonly<Record<Reason, string>> = {
  'copied-or-restored': 'What it lacks comes back with a sync, as far as others have it.',
  'unclean-stop': 'What others have of them comes back with a sync.',
  'written-elsewhere': 'What it lacks comes back with a sync, as far as others have it.'
}
