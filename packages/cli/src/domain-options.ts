import type { Domain } from 'cis-memory/session'
import { usageError } from './errors.ts'

/** For commands that look into both domains unless told otherwise. */
export interface DomainOptions {
  readonly private?: boolean
  readonly public?: boolean
}

/** The one domain that was asked for, or `undefined` for both. */
export function chosenDomain({ private: isPrivate, public: isPublic }: DomainOptions): Domain | undefined {
  if (isPrivate === true && isPublic === true) {
    throw usageError('--private and --public exclude each other; without either, both are shown')
  }
  if (isPrivate === true) return 'private'
  return isPublic === true ? 'public' : undefined
}
