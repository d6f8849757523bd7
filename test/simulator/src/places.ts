import { type Path, parsePath, type Replica } from '@cis-memory/core'
import { toHex } from '../../../packages/core/src/entry/bytes.ts'

/**
 * Stands in every name and value of every memory. No byte that leaves a device may contain it: public memory travels
 * sealed, and private memory does not travel.
 */
export const CANARY = 'cAnArY'
/** Stands in private memory only. */
export const PRIVATE_MARK = 'pRiVaTe'

export const SCOPE = '/acme/web'
/** What syncs, shares and checks may be limited to; the first is everything. */
export const SCOPES: readonly string[] = [SCOPE, `${SCOPE}/team-a`, `${SCOPE}/team-b`]

const VALUES_PER_TEAM = 4
const TEAMS = ['team-a', 'team-b'] as const

/** Paths of plain values. */
export const VALUE_PATHS: readonly Path[] = TEAMS.flatMap((team) =>
  Array.from({ length: VALUES_PER_TEAM }, (_, i) => parsePath(`${SCOPE}/${team}/${CANARY}-${i}`))
)
/** Paths of documents, where nothing but editing happens, so that no edit may ever be missing. */
export const DOCUMENT_PATHS: readonly Path[] = TEAMS.map((team) =>
  parsePath(`${SCOPE}/${team}/${CANARY}-document`)
)
/** Where members attack; honest ones write there as well. */
export const ATTACKED_PATHS: readonly Path[] = TEAMS.flatMap((team) =>
  Array.from({ length: 2 }, (_, i) => parsePath(`${SCOPE}/${team}/${CANARY}-attacked-${i}`))
)
export const ALL_PATHS: readonly Path[] = [...VALUE_PATHS, ...ATTACKED_PATHS, ...DOCUMENT_PATHS]

/** Where values are written: what is attacked is less of it, since members who lie excuse much. */
export function valuePath(index: number): Path {
  const paths = [...VALUE_PATHS, ...ATTACKED_PATHS]
  return paths[index % paths.length] as Path
}

export function isValuePath(path: string): boolean {
  return [...VALUE_PATHS, ...ATTACKED_PATHS].some((each) => each === path)
}

export function documentPath(index: number): Path {
  return DOCUMENT_PATHS[index % DOCUMENT_PATHS.length] as Path
}

export function attackedPath(index: number): Path {
  return ATTACKED_PATHS[index % ATTACKED_PATHS.length] as Path
}

export function privatePath(index: number): string {
  return `${SCOPE}/team-a/${PRIVATE_MARK}-${CANARY}-${index % 3}`
}

/** κ of a path or scope in hex digits. */
export function tokenOf(replica: Replica, path: string): string {
  return toHex(replica.view('public').codec.tokens.of(parsePath(path)))
}
