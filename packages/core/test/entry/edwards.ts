/*
 * The curve of Ed25519 (RFC 8032 §5.1) in slow, plain arithmetic: what the tests build strange keys and signatures
 * with, and a second opinion on them. Nothing here is constant-time.
 */
import { createHash } from 'node:crypto'

export const P: bigint = 2n ** 255n - 19n
/** The order of the base point. */
export const L: bigint = 2n ** 252n + 27742317777372353535851937790883648493n
const D = mod(-121665n * inverse(121666n))
const SQRT_MINUS_1 = power(2n, (P - 1n) / 4n)

/** A point in affine coordinates. */
export interface Point {
  readonly x: bigint
  readonly y: bigint
}

export const IDENTITY: Point = { x: 0n, y: 1n }
export const BASE: Point = pointOf(mod(4n * inverse(5n)), 0n) as Point

function mod(a: bigint, m: bigint = P): bigint {
  return ((a % m) + m) % m
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = (b * b) % P)
    if (e & 1n) result = (result * b) % P
  return result
}

function inverse(a: bigint): bigint {
  return power(a, P - 2n)
}

/** The point with a `y` and the lowest bit of its `x`, when there is one. */
export function pointOf(y: bigint, sign: bigint): Point | undefined {
  const [u, v] = [mod(y * y - 1n), mod(D * y * y + 1n)]
  const square = mod(u * inverse(v))
  let x = power(square, (P + 3n) / 8n)
  if (mod(x * x) !== square) x = mod(x * SQRT_MINUS_1)
  if (mod(x * x) !== square) return undefined
  if (x === 0n && sign === 1n) return undefined
  return { x: (x & 1n) === sign ? x : mod(-x), y: mod(y) }
}

/** Extended coordinates, RFC 8032 §5.1.4: x = X/Z, y = Y/Z, xy = T/Z. */
type Extended = readonly [x: bigint, y: bigint, z: bigint, t: bigint]

function extended({ x, y }: Point): Extended {
  return [x, y, 1n, mod(x * y)]
}

function affine([x, y, z]: Extended): Point {
  const scale = inverse(z)
  return { x: mod(x * scale), y: mod(y * scale) }
}

function sum([x1, y1, z1, t1]: Extended, [x2, y2, z2, t2]: Extended): Extended {
  const a = mod((y1 - x1) * (y2 - x2))
  const b = mod((y1 + x1) * (y2 + x2))
  const c = mod(2n * D * t1 * t2)
  const d = mod(2n * z1 * z2)
  const [e, f, g, h] = [b - a, d - c, d + c, b + a]
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)]
}

export function add(a: Point, b: Point): Point {
  return affine(sum(extended(a), extended(b)))
}

export function times(n: bigint, point: Point): Point {
  let result = extended(IDENTITY)
  for (let p = extended(point), e = n; e > 0n; e >>= 1n, p = sum(p, p)) if (e & 1n) result = sum(result, p)
  return affine(result)
}

export function isSame(a: Point, b: Point): boolean {
  return a.x === b.x && a.y === b.y
}

export function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n))
}

export function fromLittleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

export function encodePoint({ x, y }: Point): Uint8Array {
  return littleEndian(y | ((x & 1n) << 255n))
}

/** The point of an encoding, which has to be the one that {@link encodePoint} gives. */
export function decodePoint(bytes: Uint8Array): Point | undefined {
  const value = fromLittleEndian(bytes)
  const y = value & (2n ** 255n - 1n)
  return y < P ? pointOf(y, value >> 255n) : undefined
}

/** The eight points whose order divides 8: multiples of one of order 8, found by trying. */
export function smallOrderPoints(): Point[] {
  for (let y = 2n; ; y++) {
    const point = pointOf(y, 0n)
    const torsion = point === undefined ? IDENTITY : times(L, point)
    if (!isSame(times(4n, torsion), IDENTITY))
      return Array.from({ length: 8 }, (_, i) => times(BigInt(i), torsion))
  }
}

/** The challenge of a signature: SHA-512(R ‖ A ‖ message) modulo L. */
export function challenge(r: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  const hash = createHash('sha512').update(r).update(publicKey).update(message).digest()
  return mod(
    hash.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n),
    L
  )
}

/**
 * The verdict on a signature by the equation SB = R + kA, on points or multiplied by the cofactor 8. Both are RFC 8032;
 * they disagree on signatures that honest signers never make.
 */
export function verify(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  rule: 'cofactorless' | 'cofactored'
): boolean {
  const [a, r] = [decodePoint(publicKey), decodePoint(signature.subarray(0, 32))]
  const s = fromLittleEndian(signature.subarray(32))
  if (a === undefined || r === undefined || s >= L) return false
  const k = challenge(signature.subarray(0, 32), publicKey, message)
  const [left, right] = [times(s, BASE), add(r, times(k, a))]
  return rule === 'cofactorless' ? isSame(left, right) : isSame(times(8n, left), times(8n, right))
}

/** Signs like RFC 8032 with a scalar and a nonce that are given, and adds points of small order to the key and to R. */
export function signStrangely(
  scalar: bigint,
  nonce: bigint,
  message: Uint8Array,
  torsion: { readonly key: Point; readonly r: Point }
): { readonly publicKey: Uint8Array; readonly signature: Uint8Array } {
  const publicKey = encodePoint(add(times(scalar, BASE), torsion.key))
  const r = encodePoint(add(times(nonce, BASE), torsion.r))
  const s = mod(nonce + challenge(r, publicKey, message) * scalar, L)
  return { publicKey, signature: Uint8Array.from([...r, ...littleEndian(s)]) }
}
