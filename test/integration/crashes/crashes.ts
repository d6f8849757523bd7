/*
 * Programs over LevelDB and libp2p that die, again and again, in the middle of whatever writes. Where is drawn from a
 * seed, in steps of what they write or in bytes that have passed between them; how their work interleaves is up to the
 * machine. After each death the store is opened by the same program, without any repair, and must have all that was
 * acknowledged; both sides sync on and end alike.
 */
import { World } from './world.ts'

/** Rounds in one space. More would only make it larger. */
const ROUNDS_PER_WORLD = 25

export interface Summary {
  rounds: number
  /** How often something died, by what it was doing. */
  readonly deaths: Map<string, number>
  acknowledged: number
  /** Numbers that were given to entries, everywhere. */
  dots: number
}

export interface CrashOptions {
  readonly seed: number
  readonly rounds: number
  readonly onRound?: (line: string) => void
}

/** @throws {Error} what was violated, and in which round */
export async function crashes({ seed, rounds, onRound }: CrashOptions): Promise<Summary> {
  const summary: Summary = { rounds: 0, deaths: new Map(), acknowledged: 0, dots: 0 }
  try {
    while (summary.rounds < rounds) {
      const first = summary.rounds
      await using world = await World.found(`${seed}/${first}`)
      for (let at = 0; at < ROUNDS_PER_WORLD && summary.rounds < rounds; at++) {
        const told = await world.round(at)
        summary.rounds++
        onRound?.(`${summary.rounds}: ${told}`)
      }
      const { acknowledged, dots, deaths } = await world.finish()
      summary.acknowledged += acknowledged
      summary.dots += dots
      for (const [what, count] of deaths) summary.deaths.set(what, (summary.deaths.get(what) ?? 0) + count)
    }
    return summary
  } catch (error) {
    const again = `to see it again: npm run crashes -- --seed ${seed} --rounds ${summary.rounds + 1}`
    throw new Error(`round ${summary.rounds + 1}: ${(error as Error).message}; ${again}`, { cause: error })
  }
}
