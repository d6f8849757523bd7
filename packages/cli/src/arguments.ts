import { InvalidArgumentError } from 'commander'

/** An option that counts. */
export function positiveInteger(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value === 0) {
    throw new InvalidArgumentError('It must be a whole number above 0.')
  }
  return value
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** An option that lasts, such as `30s`, `15m`, `1h` or `7d`, as milliseconds. */
export function duration(text: string): number {
  const [, digits, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const valueMs = Number(digits) * (UNIT_MS[unit ?? ''] ?? 0)
  if (!(valueMs > 0)) throw new InvalidArgumentError('It must be a time such as 30s, 15m, 1h or 7d.')
  return valueMs
}
