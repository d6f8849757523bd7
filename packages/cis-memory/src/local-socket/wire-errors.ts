import { CisError } from '../errors.ts'
import type { WireError } from './messages.ts'

/**
 * Fields that errors of this project show their catchers. A field crosses the socket only when it is named here:
 * errors of other libraries carry whatever they like.
 */
const PUBLIC_FIELDS = [
  'path',
  'liveIds',
  'conflictId',
  'currentId',
  'notifications',
  'scope',
  'pid',
  'peer',
  'file',
  'problems'
] as const

/** An error with a code of this project, such as `CORE_STALE_BASE`. A `DOMException` has a number. */
const CODE = /^(?:CIS|CLOCK|CORE|GUARD|STORE|SYNC|TRANSPORT)_[A-Z_]+$/

/** A failure in the process that has the store open. Branch on `code`; fields are those of the original. */
export class HolderError extends Error {
  override readonly name: string
  readonly code: string

  constructor({ name, code, message, fields }: WireError) {
    super(message)
    this.name = name
    this.code = code
    for (const field of PUBLIC_FIELDS) {
      if (field in fields) Object.defineProperty(this, field, { value: fields[field], enumerable: true })
    }
  }
}

/** What of an error may cross. One without a code is a bug on this side; its message helps, its kind does not. */
export function toWire(error: unknown): WireError {
  if (!(error instanceof Error)) return toWire(new Error('something that is not an error was thrown'))
  const { code, name, message } = error as Error & { code?: unknown }
  if (typeof code !== 'string' || !CODE.test(code)) {
    const text = `the process that has the store open failed in a way it did not expect: ${message}`
    return { name: 'CisError', code: 'CIS_UNEXPECTED', message: text, fields: {} }
  }
  const fields: Record<string, unknown> = {}
  for (const field of PUBLIC_FIELDS) {
    const value = (error as unknown as Record<string, unknown>)[field]
    if (value !== undefined) fields[field] = value
  }
  return { name, code, message, fields }
}

/** The error that the other side threw, as this side throws it. */
export function fromWire(error: WireError): Error {
  return error.name === 'CisError'
    ? new CisError(error.code as CisError['code'], error.message)
    : new HolderError(error)
}
