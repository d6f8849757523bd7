/**
 * Tells states apart that are the same but for the names of replicas. Every local state is known by how it first came
 * about: a term of operations over terms. Renaming the replicas in a term gives the term of a state that differs in
 * names alone, since no operation treats one replica otherwise than another.
 */
export class Renamings {
  readonly #renamings: readonly (readonly number[])[]
  readonly #numbers = new Map<string, number>()

  /** @param isMerging whether states that differ in names alone count as one */
  constructor(replicas: number, isMerging: boolean) {
    const places = [...Array(replicas).keys()]
    // The place behind the last is a clone's and keeps its name.
    this.#renamings = (isMerging ? permutations(places) : [places]).map((renaming) => [...renaming, replicas])
  }

  /** The terms of a replica that nothing has happened to, one for each renaming. */
  start(place: number): readonly number[] {
    return this.#renamings.map((renaming) => this.#numberOf(`start ${renaming[place]}`))
  }

  /** The terms of what an operation makes of local states. @param places those that the operation names besides */
  after(
    operation: string,
    of: readonly (readonly number[])[],
    places: readonly number[] = []
  ): readonly number[] {
    return this.#renamings.map((renaming, at) => {
      const names = places.map((place) => renaming[place])
      return this.#numberOf(`${operation} ${names.join()}(${of.map((terms) => terms[at]).join()})`)
    })
  }

  /** The same for worlds that differ in the names of replicas alone. @param places for each place its terms */
  keyOf(places: readonly (readonly (readonly number[])[])[]): string {
    let least: string | undefined
    for (const [at, renaming] of this.#renamings.entries()) {
      const renamed: string[] = []
      for (const [place, parts] of places.entries()) {
        renamed[renaming[place] as number] = parts.map((terms) => terms[at]).join()
      }
      const key = renamed.join(';')
      if (least === undefined || key < least) least = key
    }
    return least as string
  }

  #numberOf(term: string): number {
    const known = this.#numbers.get(term)
    if (known !== undefined) return known
    const number = this.#numbers.size
    this.#numbers.set(term, number)
    return number
  }
}

function permutations(of: readonly number[]): number[][] {
  if (of.length === 0) return [[]]
  return of.flatMap((first) =>
    permutations(of.filter((other) => other !== first)).map((rest) => [first, ...rest])
  )
}
