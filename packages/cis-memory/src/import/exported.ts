/*
 * A line of an export: one memory with what labels it and who wrote it, in JSON. docs/reference/export.md shows it to
 * users.
 */
import type { Domain, MemoryValue } from '@cis-memory/core'
import * as v from 'valibot'
import { text } from '../validation.ts'

/** One memory of an export. What is contested has one for each of its versions. */
export interface ExportedMemory {
  readonly type: 'memory'
  /** Within the scope that was exported. */
  readonly path: string
  readonly domain: Domain
  readonly kind: 'value' | 'document' | 'deleted' | 'unreadable'
  /** A JSON value; of bytes, and of a document's state, there is `valueBase64` instead. */
  readonly value?: MemoryValue
  readonly valueBase64?: string
  readonly contentType?: string
  readonly category?: string
  readonly tags?: readonly string[]
  /** ISO 8601 in UTC, as `writtenAt`. */
  readonly expiresAt?: string
  /** The conflict this is a version of. */
  readonly conflict?: string
  /** What its writer's device is called. */
  readonly device: string
  readonly agent?: string
  readonly writtenAt: string
}

/** What an import reads of a line. Who wrote it and when stays in the export: an import is a write of this device. */
export interface ReadMemory {
  readonly path: string
  readonly domain?: Domain | undefined
  readonly kind?: ExportedMemory['kind'] | undefined
  readonly value?: unknown
  readonly valueBase64?: string | undefined
  readonly contentType?: string | undefined
  readonly category?: string | undefined
  readonly tags?: readonly string[] | undefined
  readonly expiresAt?: string | undefined
  readonly conflict?: string | undefined
}

/** Keys that are not known are left alone: a newer version may write more of them. */
export const memoryLine: v.GenericSchema<ReadMemory> = v.object({
  path: text,
  domain: v.optional(v.picklist(['public', 'private'])),
  kind: v.optional(v.picklist(['value', 'document', 'deleted', 'unreadable'])),
  value: v.optional(v.unknown()),
  valueBase64: v.optional(v.pipe(v.string(), v.base64('must be base64'))),
  contentType: v.optional(text),
  category: v.optional(text),
  tags: v.optional(v.array(text)),
  expiresAt: v.optional(v.pipe(v.string(), v.isoTimestamp('must be a time such as "2026-03-01T09:30:00Z"'))),
  conflict: v.optional(text)
})
