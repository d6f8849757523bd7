/*
 * Deterministic CBOR (RFC 8949 §4.2.1) and only as much of it as the formats use:
 *
 *   0 unsigned   up to 2^64 - 1; a `bigint` from 2^53 on
 *   1 negative   down to -(2^53 - 1)
 *   2 bytes      3 text, valid UTF-8
 *   4 array      5 map, keys text or unsigned, ascending by their encoded bytes
 *   7 false, true, null, and floats: the shortest of 16, 32 and 64 bits that is exact
 *
 * A number has one form: whole ones up to ±(2^53 - 1) are integers, all others floats, and -0 is 0. Nothing has an
 * indefinite length, a tag or nests without end.
 *
 * Bytes are refused or they are the one encoding of what they decode to; ids and signatures are taken over them.
 * General decoders, even strict ones, let maps out of order, floats longer than they need be and malformed text pass,
 * or drop a byte order mark; that is why this one is here. The tests hold it to one of them where the two may agree.
 *
 * What is hashed or signed is an array of fixed length; messages are maps with whole numbers as keys, of which unknown
 * ones are ignored.
 */
import { isUtf8 } from 'node:buffer'
import { CoreError } from '../errors.ts'
import { MAX_VALUE_DEPTH } from '../limits.ts'

/** Nesting of arrays and maps: the deepest value, and what wraps it. */
const MAX_CBOR_DEPTH = MAX_VALUE_DEPTH + 16

/** Text below this length is decoded byte by byte while it is ASCII: most keys and labels are. */
const SHORT_TEXT_BYTES = 32

const UNSIGNED = 0
const NEGATIVE = 1
const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5
const SIMPLE = 7

const FALSE = 20
const TRUE = 21
const NULL = 22
/** Additional information (RFC 8949 §3): the argument or the float follows in 1, 2, 4 or 8 bytes. */
const ONE_BYTE = 24
const TWO_BYTES = 25
const FOUR_BYTES = 26
const EIGHT_BYTES = 27

/**
 * Encodes in the one form there is. Takes `null`, booleans, finite numbers, unsigned `bigint`s, well-formed text,
 * bytes, arrays, plain objects, and maps with text or unsigned numbers as keys.
 *
 * @throws {CoreError} `CORE_BAD_VALUE` for text that is not valid Unicode
 * @throws {TypeError} for anything else CBOR cannot say here
 */
export function encodeCbor(value: unknown): Uint8Array {
  const writer = new Writer()
  writer.value(value, 0)
  return writer.take()
}

/**
 * Decodes strictly. Maps come back as `Map`, and nothing refers to `bytes`.
 *
 * @throws {CoreError} `CORE_MALFORMED`
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  return new Reader(bytes).whole()
}

class Writer {
  #bytes = Buffer.allocUnsafe(256)
  #length = 0

  take(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#length))
  }

  value(value: unknown, depth: number): void {
    if (value === null) this.#head(SIMPLE, NULL)
    else if (typeof value === 'boolean') this.#head(SIMPLE, value ? TRUE : FALSE)
    else if (typeof value === 'number') this.#number(value)
    else if (typeof value === 'bigint') this.#unsigned(value)
    else if (typeof value === 'string') this.#text(value)
    else if (value instanceof Uint8Array) this.#byteString(value)
    else if (depth >= MAX_CBOR_DEPTH) throw new TypeError(`CBOR nests at most ${MAX_CBOR_DEPTH} levels here`)
    else if (Array.isArray(value)) this.#array(value, depth)
    else if (value instanceof Map) this.#map([...value], depth)
    else if (isPlainObject(value)) this.#map(Object.entries(value), depth)
    else throw new TypeError(`CBOR has no such ${typeof value} here`)
  }

  #array(items: readonly unknown[], depth: number): void {
    this.#head(ARRAY, items.length)
    for (let i = 0; i < items.length; i++) this.value(items[i], depth + 1)
  }

  #map(entries: readonly (readonly [unknown, unknown])[], depth: number): void {
    const rows = entries.map(([key, item]) => ({ key: encodeKey(key), item }))
    rows.sort((a, b) => Buffer.compare(a.key, b.key))
    this.#head(MAP, rows.length)
    for (const { key, item } of rows) {
      this.#append(key)
      this.value(item, depth + 1)
    }
  }

  #number(value: number): void {
    if (!Number.isFinite(value)) throw new TypeError('CBOR has no number here that is not finite')
    if (!Number.isSafeInteger(value)) this.#float(value)
    else if (value >= 0) this.#head(UNSIGNED, value)
    else this.#head(NEGATIVE, -1 - value)
  }

  #float(value: number): void {
    const width = floatBytes(value)
    this.#reserve(1 + width)
    if (width === 2) {
      this.#byte((SIMPLE << 5) | TWO_BYTES)
      this.#length = this.#bytes.writeUInt16BE(halfBits(value) as number, this.#length)
    } else if (width === 4) {
      this.#byte((SIMPLE << 5) | FOUR_BYTES)
      this.#length = this.#bytes.writeFloatBE(value, this.#length)
    } else {
      this.#byte((SIMPLE << 5) | EIGHT_BYTES)
      this.#length = this.#bytes.writeDoubleBE(value, this.#length)
    }
  }

  #unsigned(value: bigint): void {
    if (value < 0n || value >= 1n << 64n) throw new TypeError('CBOR has no whole number of this size here')
    this.#head(UNSIGNED, value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value)
  }

  #text(text: string): void {
    if (!text.isWellFormed()) {
      throw new CoreError('CORE_BAD_VALUE', 'a text is not valid Unicode; nothing was written')
    }
    const size = Buffer.byteLength(text)
    this.#head(TEXT, size)
    this.#reserve(size)
    this.#length += this.#bytes.write(text, this.#length)
  }

  #byteString(bytes: Uint8Array): void {
    this.#head(BYTES, bytes.length)
    this.#append(bytes)
  }

  #head(major: number, argument: number | bigint): void {
    this.#reserve(9)
    const type = major << 5
    if (argument < ONE_BYTE) {
      this.#byte(type | Number(argument))
    } else if (argument < 2 ** 8) {
      this.#byte(type | ONE_BYTE)
      this.#byte(Number(argument))
    } else if (argument < 2 ** 16) {
      this.#byte(type | TWO_BYTES)
      this.#length = this.#bytes.writeUInt16BE(Number(argument), this.#length)
    } else if (argument < 2 ** 32) {
      this.#byte(type | FOUR_BYTES)
      this.#length = this.#bytes.writeUInt32BE(Number(argument), this.#length)
    } else {
      this.#byte(type | EIGHT_BYTES)
      this.#length = this.#bytes.writeBigUInt64BE(BigInt(argument), this.#length)
    }
  }

  #byte(byte: number): void {
    this.#bytes[this.#length++] = byte
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + size))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

function isKey(key: unknown): key is string | number {
  return typeof key === 'string' || (typeof key === 'number' && Number.isSafeInteger(key) && key >= 0)
}

function encodeKey(key: unknown): Uint8Array {
  if (!isKey(key)) throw new TypeError('a key of a CBOR map is text or an unsigned number here')
  return encodeCbor(key)
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Reads in place: a view for every item would cost more than the rest. */
class Reader {
  readonly #bytes: Uint8Array
  readonly #buffer: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  whole(): unknown {
    const value = this.#value(0)
    if (this.#at !== this.#bytes.length) throw notCbor('goes on after its end')
    return value
  }

  #value(depth: number): unknown {
    const initial = this.#bytes[this.#skip(1)] as number
    const major = initial >> 5
    const info = initial & 31
    if (major === SIMPLE) return this.#simple(info)
    const argument = this.#argument(info)
    if (major === UNSIGNED) return argument
    // Beyond 2^53 there are unsigned numbers only, and no length comes near it.
    if (typeof argument === 'bigint') throw notCbor('has a number out of range')
    switch (major) {
      case NEGATIVE:
        if (argument === Number.MAX_SAFE_INTEGER) throw notCbor('has a number out of range')
        return -1 - argument
      case BYTES: {
        const start = this.#skip(argument)
        return this.#bytes.slice(start, this.#at)
      }
      case TEXT:
        return this.#text(argument)
      case ARRAY:
        return this.#array(argument, depth)
      case MAP:
        return this.#map(argument, depth)
      default:
        throw notCbor('has a tag')
    }
  }

  #text(size: number): string {
    const start = this.#skip(size)
    const short = size < SHORT_TEXT_BYTES ? this.#ascii(start) : undefined
    if (short !== undefined) return short
    if (!isUtf8(this.#bytes.subarray(start, this.#at))) throw notCbor('has text that is not UTF-8')
    return this.#buffer.toString('utf8', start, this.#at)
  }

  /** The text up to here, when all of it is ASCII. */
  #ascii(start: number): string | undefined {
    let text = ''
    for (let at = start; at < this.#at; at++) {
      const byte = this.#bytes[at] as number
      if (byte >= 0x80) return undefined
      text += String.fromCharCode(byte)
    }
    return text
  }

  #array(length: number, depth: number): unknown[] {
    this.#checkDepth(depth)
    const items: unknown[] = []
    for (let i = 0; i < length; i++) items.push(this.#value(depth + 1))
    return items
  }

  #map(size: number, depth: number): Map<number | string, unknown> {
    this.#checkDepth(depth)
    const map = new Map<number | string, unknown>()
    let previous = { start: 0, end: 0 }
    for (let i = 0; i < size; i++) {
      const start = this.#at
      const key = this.#value(MAX_CBOR_DEPTH)
      if (!isKey(key)) throw notCbor('has a key that is neither text nor an unsigned number')
      const end = this.#at
      if (i > 0 && this.#buffer.compare(this.#buffer, previous.start, previous.end, start, end) <= 0) {
        throw notCbor('has keys out of order')
      }
      previous = { start, end }
      map.set(key, this.#value(depth + 1))
    }
    return map
  }

  #checkDepth(depth: number): void {
    if (depth >= MAX_CBOR_DEPTH) throw notCbor('is nested too deeply')
  }

  #argument(info: number): number | bigint {
    if (info < ONE_BYTE) return info
    switch (info) {
      case ONE_BYTE:
        return atLeast(ONE_BYTE, this.#bytes[this.#skip(1)] as number)
      case TWO_BYTES:
        return atLeast(2 ** 8, this.#buffer.readUInt16BE(this.#skip(2)))
      case FOUR_BYTES:
        return atLeast(2 ** 16, this.#buffer.readUInt32BE(this.#skip(4)))
      case EIGHT_BYTES: {
        const argument = this.#buffer.readBigUInt64BE(this.#skip(8))
        return atLeast(2 ** 32, argument <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(argument) : argument)
      }
      default:
        throw notCbor('has a length without end or an unknown one')
    }
  }

  #simple(info: number): unknown {
    switch (info) {
      case FALSE:
        return false
      case TRUE:
        return true
      case NULL:
        return null
      case TWO_BYTES:
        return checkFloat(halfOf(this.#buffer.readUInt16BE(this.#skip(2))), 2)
      case FOUR_BYTES:
        return checkFloat(this.#buffer.readFloatBE(this.#skip(4)), 4)
      case EIGHT_BYTES:
        return checkFloat(this.#buffer.readDoubleBE(this.#skip(8)), 8)
      default:
        throw notCbor('has a simple value other than false, true and null')
    }
  }

  /** Steps over the next bytes and gives the place of the first. */
  #skip(size: number): number {
    const start = this.#at
    if (size > this.#bytes.length - start) throw notCbor('ends too early')
    this.#at = start + size
    return start
  }
}

/** Refuses an argument that fits in fewer bytes. */
function atLeast<T extends number | bigint>(least: number, argument: T): T {
  if (argument < least) throw notCbor('has a number longer than it needs to be')
  return argument
}

/** Refuses floats that have another form: whole numbers, -0 among them, and those that fit in fewer bytes. */
function checkFloat(value: number, width: 2 | 4 | 8): number {
  if (!Number.isFinite(value)) throw notCbor('has a number that is not finite')
  if (Number.isSafeInteger(value) || floatBytes(value) !== width) {
    throw notCbor('has a number longer than it needs to be')
  }
  return value
}

/** The bytes of the shortest float that is exactly `value`. */
function floatBytes(value: number): 2 | 4 | 8 {
  if (Math.fround(value) !== value) return 8
  return halfBits(value) === undefined ? 4 : 2
}

/** The bits of a number as a float of 16, IEEE 754 binary16, when it is exactly one. Not for zero. */
function halfBits(value: number): number | undefined {
  const sign = value < 0 ? 0x8000 : 0
  const size = Math.abs(value)
  const exponent = Math.max(Math.floor(Math.log2(size)), -14)
  // Steps of the significand: 2^-10 of the power of two below it, and of 2^-14 for numbers smaller than that.
  const steps = size * 2 ** (10 - exponent)
  if (exponent > 15 || !Number.isInteger(steps) || steps >= 2048) return undefined
  return sign | (steps < 1024 ? steps : ((exponent + 15) << 10) | (steps - 1024))
}

function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25))
}

function notCbor(problem: string): CoreError {
  return malformed('CBOR', problem)
}

/**
 * Reads fields by position or key and says which one is wrong.
 *
 * @throws {CoreError} `CORE_MALFORMED` from every method
 */
export class Fields {
  readonly #what: string
  readonly #get: (key: number) => unknown

  private constructor(what: string, get: (key: number) => unknown) {
    this.#what = what
    this.#get = get
  }

  static ofArray(value: unknown, what: string, length: number): Fields {
    if (!Array.isArray(value) || value.length !== length) {
      throw malformed(what, `is not an array of ${length}`)
    }
    return new Fields(what, (key) => value[key])
  }

  static ofMap(value: unknown, what: string): Fields {
    if (!(value instanceof Map)) throw malformed(what, 'is not a map')
    return new Fields(what, (key) => value.get(key))
  }

  has(key: number): boolean {
    return this.#get(key) !== undefined
  }

  value(key: number): unknown {
    return this.#get(key)
  }

  /** A byte string of a length, or of a length within `[min, max]`. */
  bytes(key: number, min: number, max: number = min): Uint8Array {
    const value = this.#get(key)
    if (!(value instanceof Uint8Array) || value.length < min || value.length > max) {
      throw malformed(this.#what, `field ${key} is not a byte string of the right length`)
    }
    return value
  }

  text(key: number, maxBytes: number): string {
    const value = this.#get(key)
    if (typeof value !== 'string' || Buffer.byteLength(value) > maxBytes) {
      throw malformed(this.#what, `field ${key} is not a text of the right length`)
    }
    return value
  }

  /** A whole number from `min` to `max`. */
  integer(key: number, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#get(key)
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
      throw malformed(this.#what, `field ${key} is not a whole number in range`)
    }
    return value
  }

  /** An unsigned 64-bit number. */
  uint64(key: number): bigint {
    const value = this.#get(key)
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
    if (typeof value === 'bigint' && value >= 0n && value < 1n << 64n) return value
    throw malformed(this.#what, `field ${key} is not an unsigned 64-bit number`)
  }

  boolean(key: number): boolean {
    const value = this.#get(key)
    if (typeof value !== 'boolean') throw malformed(this.#what, `field ${key} is not true or false`)
    return value
  }

  array(key: number, maxLength: number): readonly unknown[] {
    const value = this.#get(key)
    if (!Array.isArray(value) || value.length > maxLength) {
      throw malformed(this.#what, `field ${key} is not an array of at most ${maxLength}`)
    }
    return value
  }
}

/** Refuses bytes from outside or from disk. */
export function malformed(what: string, problem: string): CoreError {
  return new CoreError('CORE_MALFORMED', `${what} is malformed: it ${problem}`)
}
