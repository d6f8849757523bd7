import { type ActorId, MAX_CONTEXT_ACTORS, type VersionVector } from '@cis-memory/clock'

/**
 * A context within its limit: retired actors leave first, those with the smallest counters before others. What it
 * no longer lists may come back as a false conflict; nothing is lost by it.
 */
export function limitContext(context: VersionVector, isRetired: (actor: ActorId) => boolean): VersionVector {
  if (context.size <= MAX_CONTEXT_ACTORS) return context
  const ranked = [...context].sort(([a, an], [b, bn]) => {
    const retired = Number(isRetired(a)) - Number(isRetired(b))
    return retired === 0 ? bn - an : retired
  })
  return new Map(ranked.slice(0, MAX_CONTEXT_ACTORS))
}
