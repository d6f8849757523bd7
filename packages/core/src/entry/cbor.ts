/*
 * Deterministic CBOR (RFC 8949 §4.2.1): shortest integers and lengths, sorted map keys, nothing indefinite. What is
 * hashed or signed is an array of fixed length; messages are maps with whole numbers as keys, of which unknown ones
 * are ignored.
 */
import { type DecodeOptions, decode, type EncodeOptions, encode, rfc8949EncodeOptions } from 'cborg'
import { CoreError } from '../errors.ts'

const ENCODE: EncodeOptions = rfc8949EncodeOptions
const DECODE: DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  rejectDuplicateMapKeys: true,
  useMaps: true
}

/** Encodes in the one form there is. */
export function encodeCbor(value: unknown): Uint8Array {
  return encode(value, ENCODE)
}

/**
 * Decodes strictly. Maps come back as `Map`.
 *
 * @throws {CoreError} `CORE_MALFORMED`
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, DECODE)
  } catch (cause) {
    throw new CoreError('CORE_MALFORMED', 'bytes that should be CBOR are not', { cause })
  }
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
