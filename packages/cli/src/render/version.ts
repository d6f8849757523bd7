import type { Authorship, Version } from 'cis-memory/session'
import { clip, printableLine } from './terminal-text.ts'
import { ago, localTime } from './time.ts'

/** Digits of an id that people are shown; commands take them back. */
export const SHORT_ID_LENGTH = 8

/** Longest device or agent name shown: peers choose them. */
const MAX_NAME_LENGTH = 40

/** Longest list of labels shown. */
const MAX_LABELS_LENGTH = 200

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_LENGTH)
}

/** A name that a peer chose, safe and short. */
export function name(text: string): string {
  return clip(printableLine(text), MAX_NAME_LENGTH)
}

/** Who wrote it: `laptop`, `this device`, `laptop, agent reviewer`. */
export function author(version: Authorship): string {
  const device = version.isLocal ? `${name(version.deviceName)} (this device)` : name(version.deviceName)
  return version.agent === undefined ? device : `${device}, agent ${name(version.agent)}`
}

/** Who and when in one line: `laptop, 5 minutes ago (09:12)`, with the date when that is another day's. */
export function provenance(version: Version, nowMs: number): string {
  const [date, time] = localTime(version.writtenAt).split(' ')
  const [today] = localTime(nowMs).split(' ')
  return `${author(version)}, ${ago(version.writtenAt, nowMs)} (${date === today ? time : `${date} ${time}`})`
}

/** The devices that wrote these versions, each once, in order. */
export function deviceNames(versions: readonly Pick<Authorship, 'deviceName'>[]): string {
  return [...new Set(versions.map((version) => name(version.deviceName)))].join(', ')
}

/** The content types that values have by themselves. */
const PLAIN_TYPES: readonly (string | undefined)[] = [undefined, 'application/json', 'text/plain']

/** What is said about a value beside what it is: `text/markdown, category rules, tags a, b`. */
export function labels({ contentType, category, tags, expiresAt }: Version): string | undefined {
  const said = [
    PLAIN_TYPES.includes(contentType) ? undefined : contentType,
    category === undefined ? undefined : `category ${category}`,
    tags.length === 0 ? undefined : `tags ${tags.join(', ')}`,
    expiresAt === undefined ? undefined : `expires ${localTime(expiresAt)}`
  ].filter((each) => each !== undefined)
  return said.length === 0 ? undefined : clip(printableLine(said.join(' · ')), MAX_LABELS_LENGTH)
}
