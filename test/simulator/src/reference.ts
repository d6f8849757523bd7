/*
 * The sibling rules told again from page 2 of the design, slowly: what an entry claims to replace, and what stands at a
 * path when all that arrived there is judged from the latest back. Nothing here comes from the code under test.
 */

/** What an entry says of itself. */
export interface Claim {
  readonly id: string
  readonly actor: string
  readonly n: number
  readonly hlc: bigint
  /** The last dot of each other actor that its writer says to have seen. */
  readonly context: ReadonlyMap<string, number>
  /** The lines of a document, when it is the save of one. */
  readonly document?: ReadonlySet<string> | undefined
}

/** Whether an entry claims to have seen a dot. */
export function claims(entry: Claim, actor: string, n: number): boolean {
  return entry.actor === actor ? n < entry.n : (entry.context.get(actor) ?? 0) >= n
}

/** Whether one of two entries of a path is later by (hlc, actor, n) and claims to have seen the other. */
export function covers(later: Claim, earlier: Claim): boolean {
  return isLater(later, earlier) && claims(later, earlier.actor, earlier.n)
}

/** Whether one stands in the place of the other. The save of a document does not when it lacks a line of the other. */
export function replaces(later: Claim, earlier: Claim): boolean {
  if (!covers(later, earlier)) return false
  const { document: held } = later
  return held === undefined || [...(earlier.document ?? [])].every((line) => held.has(line))
}

/** The ids of what stands, given everything that arrived at a path. */
export function standing(all: Iterable<Claim>): Set<string> {
  const latestFirst = [...all].sort((a, b) => (isLater(a, b) ? -1 : isLater(b, a) ? 1 : 0))
  const left: Claim[] = []
  for (const entry of latestFirst) if (!left.some((later) => replaces(later, entry))) left.push(entry)
  return new Set(left.map((entry) => entry.id))
}

function isLater(a: Claim, b: Claim): boolean {
  if (a.hlc !== b.hlc) return a.hlc > b.hlc
  if (a.actor !== b.actor) return a.actor > b.actor
  return a.n > b.n
}
