/**
 * Numbers that follow from a text: the only source of chance in a simulation. A generator can be split by name, so
 * that one part of the world drawing more numbers does not change what another part draws.
 *
 * @see Chris Doty-Humphrey's sfc32, of PractRand
 */
export class Random {
  readonly #name: string
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(name: string) {
    this.#name = name
    this.#a = hash(`${name}/a`)
    this.#b = hash(`${name}/b`)
    this.#c = hash(`${name}/c`)
    for (let i = 0; i < 12; i++) this.next()
  }

  /** A generator of its own for a part of the world. */
  split(name: string | number): Random {
    return new Random(`${this.#name}/${name}`)
  }

  /** 32 bits. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A whole number from 0, less than `end`. */
  below(end: number): number {
    return Math.floor((this.next() / 2 ** 32) * end)
  }

  /** A whole number from `first` to `last`. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1)
  }

  chance(probability: number): boolean {
    return this.next() < probability * 2 ** 32
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T
  }

  shuffled<T>(from: readonly T[]): T[] {
    const left = [...from]
    return from.map(() => left.splice(this.below(left.length), 1)[0] as T)
  }

  /** One of several things, as often as its weight says. */
  weighted<T>(from: readonly (readonly [weight: number, thing: T])[]): T {
    const total = from.reduce((sum, [weight]) => sum + weight, 0)
    let at = (this.next() / 2 ** 32) * total
    for (const [weight, thing] of from) {
      at -= weight
      if (at < 0) return thing
    }
    return (from.at(-1) as (typeof from)[number])[1]
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 4) {
      const word = this.next()
      for (let i = 0; i < 4 && at + i < length; i++) bytes[at + i] = word >>> (8 * i)
    }
    return bytes
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let sum = 0x811c9dc5
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193)
  return sum | 0
}
