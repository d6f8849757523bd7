import { BYTES } from './bugs/bytes.ts'
import { CAUSALITY } from './bugs/causality.ts'
import { CONFLICT } from './bugs/conflicts.ts'
import { DELIVERY } from './bugs/delivery.ts'
import { DURABLE } from './bugs/durability.ts'
import { SYNCING } from './bugs/syncing.ts'
import type { Mutation } from './mutation.ts'

/** Every named bug. */
export const MUTATIONS: readonly Mutation[] = [
  ...CAUSALITY,
  ...DURABLE,
  ...SYNCING,
  ...BYTES,
  ...CONFLICT,
  ...DELIVERY
]

/** @throws {RangeError} for a name that is not there */
export function mutationNamed(name: string): Mutation {
  const found = MUTATIONS.find((mutation) => mutation.name === name)
  if (found === undefined) throw new RangeError(`there is no mutation ${name}; --list shows all`)
  return found
}
