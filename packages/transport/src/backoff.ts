import { RECONNECT_BASE_MS, RECONNECT_MAX_MS } from './limits.ts'

/**
 * The pause before the next dial after `failures` of them: doubling up to a cap, and then between half and all of
 * it, so that peers that lost each other at the same moment do not meet at the same moment for ever.
 *
 * @param fraction evenly distributed in [0, 1)
 */
export function reconnectDelayMs(failures: number, fraction: number): number {
  const ceiling = Math.min(RECONNECT_MAX_MS, RECONNECT_BASE_MS * 2 ** Math.min(failures, 30))
  return Math.round((ceiling / 2) * (1 + fraction))
}
