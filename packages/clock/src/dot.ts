import { ClockError } from './errors.ts'

/**
 * Who wrote: 16 bytes as 32 lower-case hex digits. A replica takes a new actor whenever its continuity is in
 * doubt, so an actor names one unbroken line of writes, never a device.
 */
export type ActorId = string & { readonly __actorId: unique symbol }

/** Length of an actor id in its byte form. */
export const ACTOR_ID_BYTES = 16

/**
 * The unique name of one write: the actor and its counter, which starts at 1 and has no gaps.
 *
 * @see Preguiça et al., "Dotted Version Vectors" (arXiv 1011.5808): why the event's own dot is kept apart from
 * its context.
 */
export interface Dot {
  readonly actor: ActorId
  readonly n: number
}

const ACTOR_PATTERN = /^[0-9a-f]{32}$/

/**
 * Accepts the text form of an actor id.
 *
 * @throws {ClockError} `CLOCK_MALFORMED` unless it is 32 lower-case hex digits.
 */
export function actorId(text: string): ActorId {
  if (!ACTOR_PATTERN.test(text)) {
    throw new ClockError('CLOCK_MALFORMED', 'an actor id is 32 lower-case hex digits')
  }
  return text as ActorId
}

/** Whether `n` can be the counter of a dot: a whole number from 1 to 2^53 - 1. */
export function isCounter(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 1
}
