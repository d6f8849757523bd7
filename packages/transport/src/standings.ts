import type { Runtime } from '@cis-memory/core'
import { GOSSIP_PENALTY_HALF_LIFE_MS, GOSSIP_REJECT_PENALTY, MAX_STANDINGS } from './limits.ts'

interface Standing {
  readonly penalty: number
  readonly atMs: number
}

/**
 * What rejections have cost peers, half of it forgiven every few minutes. Gossipsub's own account costs nothing for a
 * topic it has no parameters for, and with its default ones a long-standing peer is rejected many times before it
 * shows.
 */
export class Standings {
  readonly #runtime: Runtime
  readonly #byPeer = new Map<string, Standing>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  punish(peer: string): void {
    const penalty = this.penaltyOf(peer) + GOSSIP_REJECT_PENALTY
    this.#byPeer.delete(peer)
    this.#byPeer.set(peer, { penalty, atMs: this.#runtime.now() })
    if (this.#byPeer.size <= MAX_STANDINGS) return
    const [oldest] = this.#byPeer.keys()
    if (oldest !== undefined) this.#byPeer.delete(oldest)
  }

  penaltyOf(peer: string): number {
    const standing = this.#byPeer.get(peer)
    if (standing === undefined) return 0
    const ageMs = Math.max(0, this.#runtime.now() - standing.atMs)
    return standing.penalty * 2 ** (-ageMs / GOSSIP_PENALTY_HALF_LIFE_MS)
  }
}
