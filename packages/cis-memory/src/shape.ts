/*
 * What a value from outside has to look like. A validation library would cost the `cis` command more time to load
 * than everything it does; these few functions say the same in the words a person needs.
 */

/** One thing that does not fit. */
export interface Misfit {
  /** Where: the keys that lead to it. An item of a list is where its list is. */
  readonly at: readonly string[]
  /** What it must be, or `undefined` for a key that is not known at all. */
  readonly mustBe: string | undefined
}

export interface Shape<T> {
  /** Adds what does not fit to `misfits`. */
  check(value: unknown, at: readonly string[], misfits: Misfit[]): void
  /** Only for the compiler. */
  readonly fits?: T
}

/** Everything that does not fit, `[]` when all does. */
export function misfitsOf(shape: Shape<unknown>, value: unknown): readonly Misfit[] {
  const misfits: Misfit[] = []
  shape.check(value, [], misfits)
  return misfits
}

/** Whether a value fits. */
export function isOf<T>(shape: Shape<T>, value: unknown): value is T {
  return misfitsOf(shape, value).length === 0
}

/** A value that passes a test. */
export function where<T>(test: (value: unknown) => boolean, mustBe: string): Shape<T> {
  return {
    check: (value, at, misfits) => {
      if (!test(value)) misfits.push({ at, mustBe })
    }
  }
}

export function text(pattern: RegExp = /./su, mustBe: string = 'a text that is not empty'): Shape<string> {
  return where((value) => typeof value === 'string' && pattern.test(value), mustBe)
}

export const anyText: Shape<string> = where((value) => typeof value === 'string', 'a text')
export const flag: Shape<boolean> = where((value) => typeof value === 'boolean', 'true or false')
export const anything: Shape<unknown> = where(() => true, 'anything')

export function wholeNumber(min: number): Shape<number> {
  return where(
    (value) => Number.isSafeInteger(value) && (value as number) >= min,
    `a whole number from ${min}`
  )
}

export function bytes(length: number): Shape<Uint8Array> {
  return where((value) => value instanceof Uint8Array && value.length === length, `${length} bytes`)
}

export function oneOf<const T extends string | boolean>(...values: readonly T[]): Shape<T> {
  const mustBe = values.map((value) => JSON.stringify(value)).join(' or ')
  return where((value) => values.includes(value as T), mustBe)
}

/** An array whose items all fit; one misfit stands for all of them. */
export function list<T>(
  item: Shape<T>,
  mustBe: string = 'a list',
  maxLength: number = Number.MAX_SAFE_INTEGER
): Shape<readonly T[]> {
  return where(
    (value) => Array.isArray(value) && value.length <= maxLength && value.every((each) => isOf(item, each)),
    mustBe
  )
}

export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return {
    check: (value, at, misfits) => {
      if (value !== undefined) shape.check(value, at, misfits)
    }
  }
}

/** An object with these keys and no others. */
export function record<T extends object>(
  fields: { readonly [K in keyof Required<T>]: Shape<T[K]> },
  mustBe: string = 'an object'
): Shape<T> {
  return recordWith(fields, mustBe, (key, at, misfits) =>
    misfits.push({ at: [...at, key], mustBe: undefined })
  )
}

/** An object with these keys; others do not matter. */
export function openRecord<T extends object>(
  fields: { readonly [K in keyof Required<T>]: Shape<T[K]> }
): Shape<T> {
  return recordWith(fields, 'an object', () => {})
}

/** A value that fits one of several shapes. */
export function either<T>(mustBe: string, ...shapes: readonly Shape<T>[]): Shape<T> {
  return where((value) => shapes.some((shape) => isOf(shape, value)), mustBe)
}

function recordWith<T extends object>(
  fields: { readonly [K in keyof Required<T>]: Shape<T[K]> },
  mustBe: string,
  onUnknown: (key: string, at: readonly string[], misfits: Misfit[]) => void
): Shape<T> {
  const shapes: ReadonlyMap<string, Shape<unknown>> = new Map(Object.entries(fields))
  return {
    check: (value, at, misfits) => {
      if (
        typeof value !== 'object' ||
        value === null ||
        Array.isArray(value) ||
        value instanceof Uint8Array
      ) {
        misfits.push({ at, mustBe })
        return
      }
      for (const key of Object.keys(value)) if (!shapes.has(key)) onUnknown(key, at, misfits)
      for (const [key, shape] of shapes) {
        const field = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
        shape.check(field, [...at, key], misfits)
      }
    }
  }
}
