/*
 * A context as canonical bytes: its rows sorted by actor, nothing between them.
 *
 *   16 bytes  actor
 *   varint    counter, unsigned LEB128, shortest form, 1 to 2^53 - 1
 *
 * Every context has exactly one encoding: decoding refuses unsorted or repeated actors, counters of zero and
 * varints with needless bytes. Signatures and ids are taken over these bytes, so a second form would be a
 * second name for the same thing.
 */
import { ACTOR_ID_BYTES, type ActorId, isCounter } from './dot.ts'
import { ClockError } from './errors.ts'
import type { VersionVector } from './version-vector.ts'

/** Actors in one context at most; a larger one would let a member make every write of a path expensive. */
export const MAX_CONTEXT_ACTORS = 512

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** The byte form of an actor id. */
export function actorToBytes(actor: ActorId): Uint8Array {
  const bytes = new Uint8Array(ACTOR_ID_BYTES)
  for (let i = 0; i < ACTOR_ID_BYTES; i++) bytes[i] = Number.parseInt(actor.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

/**
 * The text form of an actor id.
 *
 * @throws {ClockError} `CLOCK_MALFORMED` unless there are 16 bytes.
 */
export function actorFromBytes(bytes: Uint8Array): ActorId {
  if (bytes.length !== ACTOR_ID_BYTES) throw new ClockError('CLOCK_MALFORMED', 'an actor id is 16 bytes')
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text as ActorId
}

/**
 * Encodes a context.
 *
 * @throws {ClockError} `CLOCK_LIMIT` above {@link MAX_CONTEXT_ACTORS} actors, `CLOCK_MALFORMED` for a counter
 * that is none.
 */
export function encodeContext(context: VersionVector): Uint8Array {
  if (context.size > MAX_CONTEXT_ACTORS) throw tooManyActors()
  const out: number[] = []
  for (const actor of [...context.keys()].sort()) {
    const n = context.get(actor) as number
    if (!isCounter(n))
      throw new ClockError('CLOCK_MALFORMED', 'a counter is a whole number from 1 to 2^53 - 1')
    out.push(...actorToBytes(actor))
    writeVarint(out, n)
  }
  return Uint8Array.from(out)
}

/**
 * Decodes a context. The result does not refer to `bytes`.
 *
 * @throws {ClockError} `CLOCK_MALFORMED` for anything but the canonical form, `CLOCK_LIMIT` above
 * {@link MAX_CONTEXT_ACTORS} actors.
 */
export function decodeContext(bytes: Uint8Array): VersionVector {
  const context = new Map<ActorId, number>()
  let previous = ''
  let at = 0
  while (at < bytes.length) {
    if (context.size === MAX_CONTEXT_ACTORS) throw tooManyActors()
    const actor = actorFromBytes(bytes.subarray(at, at + ACTOR_ID_BYTES))
    if (actor <= previous) throw new ClockError('CLOCK_MALFORMED', 'the actors of a context are not in order')
    const [n, next] = readVarint(bytes, at + ACTOR_ID_BYTES)
    context.set(actor, n)
    previous = actor
    at = next
  }
  return context
}

function tooManyActors(): ClockError {
  return new ClockError('CLOCK_LIMIT', `a context lists at most ${MAX_CONTEXT_ACTORS} actors`)
}

function writeVarint(out: number[], value: number): void {
  let rest = value
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  out.push(rest)
}

function readVarint(bytes: Uint8Array, start: number): [value: number, next: number] {
  let value = 0
  let scale = 1
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] as number
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      // A last byte of zero adds nothing, so the shorter form would mean the same.
      if (!isCounter(value) || (byte === 0 && at > start)) break
      return [value, at + 1]
    }
    scale *= 0x80
    if (value > Number.MAX_SAFE_INTEGER) break
  }
  throw new ClockError('CLOCK_MALFORMED', 'a counter of a context is malformed')
}
