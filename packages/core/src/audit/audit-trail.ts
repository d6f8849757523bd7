import { equalBytes, startsWith, toHex } from '../entry/bytes.ts'
import { isWithin, type Path, parsePath, resolvePath } from '../entry/path.ts'
import { MAX_AUDIT_CONFLICTS, MAX_AUDIT_NAMES } from '../limits.ts'
import type { AbortOptions } from '../ports/channel.ts'
import type { Replica } from '../replica/replica.ts'
import type { Domain, EntryId } from '../versions.ts'
import type { AuditKind, AuditPlace } from './audit-record.ts'
import type { AuditVerdict, VerifyOptions } from './verify-chain.ts'

/** Versions of one memory that a record is about. */
export interface AuditMemory {
  readonly domain: Domain
  readonly path: string
  readonly entryIds: readonly EntryId[]
}

/** What there is to put on record. */
export interface AuditEvent {
  readonly kind: AuditKind
  readonly agent?: string | undefined
  /** Absolute. */
  readonly scope: string
  /** Ids of the conflicts that were found. */
  readonly conflicts?: readonly string[] | undefined
  /** What was given, is to be written on, or was written. Paths are absolute. */
  readonly memories?: readonly AuditMemory[] | undefined
  /** Why it was refused: an error code. */
  readonly code?: string | undefined
  /** The number of the record that this one follows up. */
  readonly of?: number | undefined
}

/** One thing the guard did, as the audit log has it. */
export interface AuditRecord {
  /** Counts from 1 without gaps. */
  readonly seq: number
  /** Milliseconds since 1970, by the clock of this device. */
  readonly at: number
  readonly kind: AuditKind
  readonly agent: string | undefined
  readonly scope: string
  readonly conflictCount: number
  /** Ids of the conflicts that were found, the first 64 of them. */
  readonly conflicts: readonly string[]
  /** Those in reach of whoever reads; a path is called by its tokens when nothing here says its name any more. */
  readonly memories: readonly AuditMemory[]
  readonly code: string | undefined
  readonly of: number | undefined
}

export interface AuditListOptions extends AbortOptions {
  /** Records of this agent alone. */
  readonly agent?: string
  readonly kind?: AuditKind
  /** Records about this memory alone. */
  readonly path?: string
  /** Records of that moment or later, in milliseconds since 1970. */
  readonly since?: number
  /** Memories of this domain alone. @default both */
  readonly domain?: Domain
}

/** Puts things on record. The guard alone has one. */
export interface AuditRecorder {
  /**
   * @returns the number of the record, once it is on disk
   * @throws {CoreError} `CORE_AUDIT_DAMAGED`, `CORE_CLOSED`, `CORE_BAD_PATH`
   */
  record(event: AuditEvent): Promise<number>
}

let recorderOfGenuine: (trail: object) => AuditRecorder | undefined

/** What the guard has put on record about a scope. It can be read and verified here, and not written. */
export class AuditTrail {
  readonly #replica: Replica
  readonly #scope: Path

  static {
    recorderOfGenuine = (trail) =>
      #replica in trail ? Object.freeze({ record: (event: AuditEvent) => trail.#record(event) }) : undefined
    Object.freeze(AuditTrail.prototype)
    Object.freeze(AuditTrail)
  }

  constructor(replica: Replica, scope: Path) {
    this.#replica = replica
    this.#scope = scope
  }

  /** Records about this scope, or about one that holds it or lies in it; latest first. */
  async *list(options: AuditListOptions = {}): AsyncIterableIterator<AuditRecord> {
    const { agent, kind, path, since = Number.NEGATIVE_INFINITY, domain, signal } = options
    const isAsked = this.#placeFilter(path, domain)
    const nameOf = this.#names()
    for await (const { places, ...record } of this.#replica.audit.records()) {
      signal?.throwIfAborted()
      if (record.at < since || !this.#isInReach(record.scope as Path)) continue
      if (agent !== undefined && record.agent !== agent) continue
      if (kind !== undefined && record.kind !== kind) continue
      const asked = places.filter(isAsked)
      if (asked.length === 0 && (places.length > 0 || path !== undefined)) continue
      const memories: AuditMemory[] = []
      for (const place of asked) {
        memories.push({ domain: place.domain, path: await nameOf(place), entryIds: place.entryIds })
      }
      yield { ...record, memories }
    }
  }

  /**
   * Walks the whole log, whatever its scope, and says whether it is as it was written. To know that nothing was cut
   * off at its end together with its seal, note a head elsewhere and give it later.
   */
  verify(options: VerifyOptions = {}): Promise<AuditVerdict> {
    return this.#replica.audit.verify(options)
  }

  async #record({
    kind,
    agent,
    scope,
    conflicts = [],
    memories = [],
    code,
    of
  }: AuditEvent): Promise<number> {
    const places = memories.map(({ domain, path, entryIds }): AuditPlace => {
      return { domain, token: this.#tokenOf(domain, parsePath(path)), entryIds }
    })
    return this.#replica.audit.append({
      kind,
      agent,
      scope: parsePath(scope),
      conflictCount: conflicts.length,
      conflicts: conflicts.slice(0, MAX_AUDIT_CONFLICTS),
      places,
      code,
      of
    })
  }

  #isInReach(scope: Path): boolean {
    return isWithin(scope, this.#scope) || isWithin(this.#scope, scope)
  }

  /** Which places of a record to show: those of a path, or all in this scope. */
  #placeFilter(path: string | undefined, only: Domain | undefined): (place: AuditPlace) => boolean {
    const at = path === undefined ? this.#scope : resolvePath(this.#scope, path)
    const tokens = { public: this.#tokenOf('public', at), private: this.#tokenOf('private', at) }
    const fits = path === undefined ? startsWith : equalBytes
    return ({ domain, token }) => (only ?? domain) === domain && fits(token, tokens[domain])
  }

  /** Finds what places are called. Deliveries of one scope name the same places again and again. */
  #names(): (place: AuditPlace) => Promise<Path> {
    const known = new Map<string, Path>()
    return async ({ domain, token }) => {
      const id = `${domain}:${toHex(token)}`
      const name = known.get(id) ?? (await this.#replica.view(domain).nameAt(token))
      if (known.size >= MAX_AUDIT_NAMES) known.clear()
      known.set(id, name)
      return name
    }
  }

  #tokenOf(domain: Domain, path: Path): Uint8Array {
    return this.#replica.view(domain).codec.tokens.of(path)
  }
}

/**
 * The means to add to an audit log: for the guard, which is given a memory and nothing below it.
 *
 * @returns `undefined` for what no memory of this copy of the package has
 */
export function recorderOf(trail: unknown): AuditRecorder | undefined {
  return typeof trail === 'object' && trail !== null ? recorderOfGenuine(trail) : undefined
}
