const UNITS: readonly (readonly [name: string, lengthMs: number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000]
]

/** How long ago, in one unit: `just now`, `5 minutes ago`, `in 2 hours`. */
export function ago(thenMs: number, nowMs: number): string {
  // An hour that has just begun still reads as one.
  const distanceMs = thenMs <= nowMs ? nowMs - thenMs : Math.round((thenMs - nowMs) / 1_000) * 1_000
  for (const [name, lengthMs] of UNITS) {
    if (distanceMs < lengthMs) continue
    const count = Math.floor(distanceMs / lengthMs)
    const words = `${count} ${name}${count === 1 ? '' : 's'}`
    return thenMs <= nowMs ? `${words} ago` : `in ${words}`
  }
  return 'just now'
}

/** The local date and time to the minute, in an order that sorts: `2026-03-01 09:12`. */
export function localTime(timeMs: number): string {
  const date = new Date(timeMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  return (
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}`
  )
}

/** A moment as programs read it: ISO 8601 in UTC. */
export function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

/** A count with its noun: `1 memory`, `3 memories`. */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${value} ${value === 1 ? one : many}`
}

/** A size people read: `812 B`, `4.2 kB`, `1.0 MB`. */
export function bytes(size: number): string {
  if (size < 1_000) return `${size} B`
  if (size < 1_000_000) return `${(size / 1_000).toFixed(1)} kB`
  return `${(size / 1_000_000).toFixed(1)} MB`
}
