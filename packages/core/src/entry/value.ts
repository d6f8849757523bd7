/*
 * Values in their one stored form: deterministic CBOR (RFC 8949 §4.2.1), so that equal values have equal bytes.
 */
import { CoreError } from '../errors.ts'
import { MAX_VALUE_BYTES, MAX_VALUE_DEPTH } from '../limits.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'

/** What a memory can hold: anything JSON can say, or bytes. */
export type MemoryValue = JsonValue | Uint8Array
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }

/**
 * Refuses whatever would not come back as it went in. What does come back differently all the same: -0 as 0, and the
 * keys of an object in the order of their encoding.
 *
 * @throws {CoreError} `CORE_BAD_VALUE`, `CORE_VALUE_TOO_LARGE`
 */
export function checkValue(value: unknown): asserts value is MemoryValue {
  if (value instanceof Uint8Array) checkSize(value.length)
  else encodeJson(value)
}

/**
 * A copy of a value as it will come back.
 *
 * @throws {CoreError} as {@link checkValue}
 */
export function checkedCopy(value: unknown): MemoryValue {
  if (!(value instanceof Uint8Array)) return plainValue(decodeCbor(encodeJson(value))) as JsonValue
  checkSize(value.length)
  // Not `slice`: that of a `Buffer` shares its bytes.
  return new Uint8Array(value)
}

/** A copy of a value that was checked. */
export function copyValue(value: MemoryValue): MemoryValue {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return new Uint8Array(value)
  return copyJson(value)
}

function copyJson(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copyJson)
  const copy: Record<string, JsonValue> = {}
  for (const [key, item] of Object.entries(value)) copy[key] = copyJson(item)
  return copy
}

function encodeJson(value: unknown): Uint8Array {
  checkJson(value, 0, { size: 0 })
  const bytes = encodeCbor(value)
  checkSize(bytes.length)
  return bytes
}

function checkSize(size: number): void {
  if (size > MAX_VALUE_BYTES) {
    throw new CoreError(
      'CORE_VALUE_TOO_LARGE',
      `a value has at most ${MAX_VALUE_BYTES} bytes, this one has ${size} or more; nothing was written. Keep large things in a file and a reference here`
    )
  }
}

/**
 * Turns the maps that decoding gives into plain objects.
 *
 * @throws {CoreError} `CORE_BAD_VALUE` for a key that is no text
 */
export function plainValue(decoded: unknown): unknown {
  if (Array.isArray(decoded)) return decoded.map(plainValue)
  if (!(decoded instanceof Map)) return decoded
  const entries: [string, unknown][] = []
  for (const [key, item] of decoded) {
    if (typeof key !== 'string') throw badValue('has a key that is no text')
    entries.push([key, plainValue(item)])
  }
  return Object.fromEntries(entries)
}

/**
 * @param least how many bytes the value takes at least, one an item and one a character. Adding them up ends the walk
 * when one object is reached along very many ways.
 */
function checkJson(value: unknown, depth: number, least: { size: number }): void {
  least.size += typeof value === 'string' ? 1 + value.length : 1
  checkSize(least.size)
  if (depth > MAX_VALUE_DEPTH) throw badValue(`is nested more than ${MAX_VALUE_DEPTH} levels deep`)
  switch (typeof value) {
    case 'boolean':
      return
    case 'string':
      if (!value.isWellFormed()) throw badValue('contains text that is not valid Unicode')
      return
    case 'number':
      if (!Number.isFinite(value)) throw badValue('contains a number that JSON does not have')
      return
    case 'object':
      break
    default:
      throw badValue(`contains ${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`}`)
  }
  if (value === null) return
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) checkJson(value[i], depth + 1, least)
    return
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw badValue('contains an object that is not plain; turn dates and classes into text first')
  }
  if (Object.getOwnPropertySymbols(value).length > 0) throw badValue('has a symbol as a key')
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__') throw badValue('has the key __proto__')
    if (!key.isWellFormed()) throw badValue('has a key that is not valid Unicode')
    checkJson(item, depth + 1, least)
  }
}

function badValue(what: string): CoreError {
  return new CoreError('CORE_BAD_VALUE', `a value is JSON or bytes; this one ${what}. Nothing was written`)
}
