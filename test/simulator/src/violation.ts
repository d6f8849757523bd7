/** A promise of cis that did not hold. `promise` is what the same failure is recognised by while a script shrinks. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly promise: string

  constructor(promise: string, what: string, options?: ErrorOptions) {
    super(`${promise}: ${what}`, options)
    this.promise = promise
  }
}

/** Throws unless a promise holds. */
export function promised(holds: boolean, promise: string, what: () => string): asserts holds {
  if (!holds) throw new Violation(promise, what())
}
