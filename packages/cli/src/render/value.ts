import type { MemoryValue, Version } from 'cis-memory/session'
import { clip, printableLine, printableText } from './terminal-text.ts'
import { bytes } from './time.ts'

/** Any value on one line, shortened to fit. */
export function valuePreview(value: MemoryValue | undefined, maxLength: number): string {
  if (value === undefined) return ''
  if (value instanceof Uint8Array) return `(${bytes(value.length)} of data)`
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  // A preview never needs more of a long text than a few times what is shown.
  const start = text.slice(0, maxLength * 4).trim()
  return clip(printableLine(start.replaceAll(/\s+/g, ' ')), maxLength)
}

/** A version on one line: its value, or what it is instead of one. */
export function versionPreview(version: Version, maxLength: number): string {
  switch (version.kind) {
    case 'deleted':
      return '(deleted)'
    case 'unreadable':
      return '(cannot be opened with the keys of this device)'
    case 'document':
      return `(a document, ${version.value instanceof Uint8Array ? bytes(version.value.length) : 'no size'})`
    case 'value':
      return valuePreview(version.value, maxLength)
  }
}

/** A version in full, as text for a terminal. */
export function versionText(version: Version): string {
  const { kind, value } = version
  const isText = kind === 'value' && value !== undefined && !(value instanceof Uint8Array)
  return isText ? printableText(plainText(value)) : versionPreview(version, 80)
}

/** A JSON value as people read it: text as it is, everything else indented. */
export function plainText(value: Exclude<MemoryValue, Uint8Array>): string {
  return typeof value === 'string' ? value : JSON.stringify(value, undefined, 2)
}
