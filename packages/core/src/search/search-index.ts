import type MiniSearch from 'minisearch'
import { isWithin, type Path, ROOT, segmentsOf } from '../entry/path.ts'
import type { Replica } from '../replica/replica.ts'
import type { Domain, MemoryItem, Read, Version } from '../versions.ts'
import { searchableText, tokenize } from './tokenize.ts'

interface Indexed {
  readonly id: string
  readonly name: string
  readonly labels: string
  readonly text: string
}

/** What a query found, before the scope's owner reads it. */
export interface Match {
  readonly domain: Domain
  readonly path: Path
  readonly score: number
}

const FIELDS = ['name', 'labels', 'text']

/**
 * A keyword index of a replica in memory, built on first use and kept up to date by events. It is one for all
 * scopes; every query names the scope it may find in.
 */
export class SearchIndex {
  readonly #replica: Replica
  #index: MiniSearch<Indexed> | undefined
  readonly #stale = new Set<string>()
  #isListening = false
  #isBuilt = false
  #updating: Promise<unknown> = Promise.resolve()

  constructor(replica: Replica) {
    this.#replica = replica
  }

  /** The memories in a scope that fit a query, best first. */
  async find(query: string, scope: Path, domains: readonly Domain[]): Promise<Match[]> {
    // One update after the other: a query must not overtake one that is still reading what has changed.
    const updating = this.#updating.catch(() => undefined).then(() => this.#update())
    this.#updating = updating
    const index = await updating
    const isWanted = (id: string): boolean => {
      const { domain, path } = parseId(id)
      return domains.includes(domain) && isWithin(path, scope)
    }
    const found = index.search(query, { filter: (result) => isWanted(result.id) })
    return found.map((result) => ({ ...parseId(result.id), score: result.score }))
  }

  async #update(): Promise<MiniSearch<Indexed>> {
    this.#listen()
    this.#index ??= await emptyIndex()
    const index = this.#index
    if (!this.#isBuilt) {
      for (const domain of ['public', 'private'] as const) {
        for await (const item of this.#replica.view(domain).list(ROOT)) put(index, domain, item.read)
      }
      this.#isBuilt = true
    }
    for (const id of [...this.#stale]) {
      this.#stale.delete(id)
      const { domain, path } = parseId(id)
      try {
        put(index, domain, await this.#replica.view(domain).read(path))
      } catch (error) {
        this.#stale.add(id)
        throw error
      }
    }
    return index
  }

  #listen(): void {
    if (this.#isListening) return
    this.#isListening = true
    const mark = (event: CustomEvent<{ domain: Domain; path: string }>): void => {
      this.#stale.add(toId(event.detail.domain, event.detail.path as Path))
    }
    this.#replica.events.addEventListener('entry:committed', mark)
    this.#replica.events.addEventListener('entry:received', mark)
    // A merge that was proposed or refused changes what is read without an entry.
    const markPublic = (event: CustomEvent<{ path: string }>): void => {
      this.#stale.add(toId('public', event.detail.path as Path))
    }
    this.#replica.events.addEventListener('conflict:found', markPublic)
    this.#replica.events.addEventListener('conflict:settled', markPublic)
  }
}

/** Most processes never search, so the library is loaded by the first that does. */
async function emptyIndex(): Promise<MiniSearch<Indexed>> {
  const { default: MiniSearch } = await import('minisearch')
  return new MiniSearch<Indexed>({
    fields: FIELDS,
    tokenize,
    processTerm: (term) => term,
    searchOptions: { boost: { name: 3, labels: 2 }, prefix: true, fuzzy: 0.15, combineWith: 'AND' }
  })
}

function put(index: MiniSearch<Indexed>, domain: Domain, read: Read): void {
  const id = toId(domain, read.path as Path)
  if (index.has(id)) index.discard(id)
  if (read.state !== 'absent' && isReadable(read)) index.add({ id, ...fieldsOf(read) })
}

/** A path none of whose versions can be opened has no name to be found by. */
function isReadable(read: MemoryItem['read']): boolean {
  return read.state === 'value' || read.conflict.versions.some(({ kind }) => kind !== 'unreadable')
}

function fieldsOf(read: Extract<Read, MemoryItem['read']>): Omit<Indexed, 'id'> {
  const versions = versionsOf(read)
  return {
    name: segmentsOf(read.path as Path).join(' '),
    labels: versions.flatMap((version) => [version.category ?? '', ...version.tags]).join(' '),
    text: versions.map((version) => searchableText(version.value)).join('\n')
  }
}

/** All that whoever finds it is given. */
function versionsOf(read: MemoryItem['read']): readonly Version[] {
  if (read.state === 'conflict') return read.conflict.versions
  return read.settledBy?.mode === 'keep_all' ? read.settledBy.conflict.versions : [read.version]
}

function toId(domain: Domain, path: Path): string {
  return `${domain}:${path}`
}

function parseId(id: string): { domain: Domain; path: Path } {
  const at = id.indexOf(':')
  return { domain: id.slice(0, at) as Domain, path: id.slice(at + 1) as Path }
}
