/*
 * Names and their tokens. A memory's name is one path of segments; what rows and peers see of it is a chain of
 * keyed hashes, one per segment:
 *
 *   tok_i   = HMAC(k_i, 0x00 ‖ segment_i)[0..16)
 *   k_{i+1} = HMAC(k_i, 0x01 ‖ segment_i)
 *   κ       = tok_1 ‖ … ‖ tok_m
 *
 * A scope is a prefix of κ, so it is one range of rows, and /acme/web is no prefix of /acme/website.
 */
import { CoreError } from '../errors.ts'
import { MAX_PATH_SEGMENTS, MAX_SEGMENT_BYTES } from '../limits.ts'
import { concat, NO_BYTES } from './bytes.ts'
import { hmac } from './hash.ts'

/** A checked absolute path: `/` for the root, else `/a/b` with no slash at its end. */
export type Path = string & { readonly __path: unique symbol }

export const ROOT: Path = '/' as Path
export const TOKEN_BYTES = 16

const TOKEN_LABEL = Uint8Array.of(0x00)
const CHILD_LABEL = Uint8Array.of(0x01)

/**
 * What cannot be seen in a name and can make one look like another, or carry a message that only a program reads:
 * control characters, line and paragraph separators, marks that change the direction of text, invisible operators,
 * blank letters, tags. Written out rather than by properties of Unicode, which (but for Cc) grow with each version:
 * a path that one replica refuses and another takes would split them. Joiners and variation selectors
 * (U+200C, U+200D, U+FE00 to U+FE0F) stay: scripts and emoji need them.
 */
const UNSEEN =
  /[\p{Cc}\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e007f}]|\u034f|\u17b4|\u17b5/u

/** How many prefixes' keys are kept ready. */
const MAX_CACHED_PREFIXES = 4096

/** The segments of a path, none for the root. */
export function segmentsOf(path: Path): readonly string[] {
  return path === ROOT ? [] : path.slice(1).split('/')
}

/** The path made of checked segments. */
function pathOf(segments: readonly string[]): Path {
  return `/${segments.join('/')}` as Path
}

/**
 * Reads an absolute path. Text is brought to NFC, so that a name typed on another keyboard is the same name.
 *
 * @throws {CoreError} `CORE_BAD_PATH`
 */
export function parsePath(text: string): Path {
  requireText(text)
  if (!text.startsWith('/')) throw badPath('an absolute path starts with /')
  return text === '/' ? ROOT : checkSegments(text.slice(1).split('/'))
}

/**
 * Resolves a name as a caller gives it, relative to a scope or absolute, and refuses whatever is not inside.
 *
 * @throws {CoreError} `CORE_BAD_PATH`
 */
export function resolvePath(scope: Path, text: string): Path {
  requireText(text)
  if (text.startsWith('/')) {
    const path = parsePath(text)
    if (!isWithin(path, scope)) throw badPath('this path is outside the scope')
    return path
  }
  if (text === '') throw badPath('a path is not empty')
  return checkSegments([...segmentsOf(scope), ...text.split('/')])
}

/** Whether a path is a scope or lies below it, segment by segment. */
export function isWithin(path: Path, scope: Path): boolean {
  return scope === ROOT || path === scope || path.startsWith(`${scope}/`)
}

/** The scope a path lies in directly; the root is its own. */
export function parentOf(path: Path): Path {
  const segments = segmentsOf(path)
  return segments.length <= 1 ? ROOT : pathOf(segments.slice(0, -1))
}

/** The last segment of a path. */
export function nameOf(path: Path): string {
  return segmentsOf(path).at(-1) ?? ''
}

/** A path as seen from a scope that holds it; the scope itself is `''`. */
export function relativeTo(path: Path, scope: Path): string {
  if (path === scope) return ''
  return scope === ROOT ? path.slice(1) : path.slice(scope.length + 1)
}

/** Types do not hold what a program in JavaScript gives. */
function requireText(path: string): void {
  if (typeof path !== 'string') throw new TypeError('path: expected a text')
}

function checkSegments(raw: readonly string[]): Path {
  if (raw.length > MAX_PATH_SEGMENTS) throw badPath(`a path has at most ${MAX_PATH_SEGMENTS} segments`)
  return pathOf(raw.map(checkSegment))
}

function checkSegment(raw: string): string {
  if (!raw.isWellFormed()) throw badPath('a segment is valid Unicode')
  const segment = raw.normalize('NFC')
  if (segment === '') throw badPath('a segment is not empty: no // and no / at the end')
  if (segment === '.' || segment === '..') throw badPath('a path has no . or .. segments')
  if (UNSEEN.test(segment)) throw badPath('a segment has no control or invisible characters')
  if (segment.trim() !== segment) throw badPath('a segment does not start or end with a space')
  if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) {
    throw badPath(`a segment has at most ${MAX_SEGMENT_BYTES} bytes`)
  }
  return segment
}

function badPath(problem: string): CoreError {
  return new CoreError('CORE_BAD_PATH', `${problem}; nothing was read or written`)
}

/** Turns names into tokens under one path key. */
export class PathTokens {
  readonly #rootKey: Uint8Array
  readonly #prefixes = new Map<string, { token: Uint8Array; childKey: Uint8Array }>()

  constructor(pathKey: Uint8Array) {
    this.#rootKey = pathKey
  }

  /** κ of a path: 16 bytes a segment, none for the root. */
  of(path: Path): Uint8Array {
    return path === ROOT ? NO_BYTES : this.#walk(path).token
  }

  #walk(path: Path): { token: Uint8Array; childKey: Uint8Array } {
    const known = this.#prefixes.get(path)
    if (known !== undefined) return known
    const parent = parentOf(path)
    const above = parent === ROOT ? { token: NO_BYTES, childKey: this.#rootKey } : this.#walk(parent)
    const segment = Buffer.from(nameOf(path))
    const made = {
      token: concat(above.token, hmac(above.childKey, TOKEN_LABEL, segment).subarray(0, TOKEN_BYTES)),
      childKey: hmac(above.childKey, CHILD_LABEL, segment)
    }
    if (this.#prefixes.size >= MAX_CACHED_PREFIXES) this.#prefixes.clear()
    this.#prefixes.set(path, made)
    return made
  }
}
