import {
  type Conflict,
  ContestedError,
  CoreError,
  type Domain,
  type EntryId,
  type Memory,
  type MemoryItem,
  type MemoryValue,
  type PutOptions,
  type Read,
  StaleBaseError,
  type Version,
  type Written
} from '@cis-memory/core'

type Rows = Map<string, readonly Version[]>

/** Stands in for core until it is there: one domain map, copy-on-write snapshots, events. */
export class FakeCore {
  rows: Rows = new Map()
  pending = 0
  readonly target = new EventTarget()
  #next = 1

  version(
    value: MemoryValue | undefined,
    isLocal: boolean,
    options: PutOptions,
    parents: readonly EntryId[]
  ): Version {
    return {
      entryId: String(this.#next++).padStart(32, '0') as EntryId,
      actor: 'a'.repeat(32) as Version['actor'],
      device: 'd' as Version['device'],
      deviceName: isLocal ? 'laptop' : 'desktop',
      isLocal,
      agent: options.agent,
      writtenAt: 1_700_000_000_000,
      parents,
      kind: value === undefined ? 'deleted' : 'value',
      index: 0,
      value,
      contentType: options.contentType ?? 'application/json',
      category: options.category,
      tags: options.tags ?? [],
      expiresAt: options.expiresAt,
      sources: []
    }
  }

  set(domain: Domain, path: string, versions: readonly Version[]): void {
    this.rows = new Map(this.rows).set(`${domain}:${path}`, versions)
  }

  read(rows: Rows, domain: Domain, path: string): Read {
    const versions = rows.get(`${domain}:${path}`) ?? []
    const base = versions.map(({ entryId }) => entryId)
    const [version] = versions
    if (versions.length > 1) return { state: 'conflict', path, base, conflict: this.conflict(path, versions) }
    if (version?.value === undefined) return { state: 'absent', path, base }
    return { state: 'value', path, base, value: version.value, version }
  }

  conflict(path: string, versions: readonly Version[]): Conflict {
    return {
      id: `c${versions.at(-1)?.entryId.slice(-11)}`,
      path,
      kind: 'edit',
      versions,
      detectedAt: 1_700_000_000_500
    }
  }

  open(scope: string): Memory {
    const core = this
    const resolve = (name: string): string => {
      const path = name.startsWith('/') ? name : scope === '/' ? `/${name}` : `${scope}/${name}`
      if (!isWithin(path, scope)) throw new CoreError('CORE_BAD_PATH', 'outside')
      return path
    }
    const within = (path: string): boolean => isWithin(path, scope)
    async function* list(rows: Rows, domain: Domain, prefix: string): AsyncIterableIterator<MemoryItem> {
      for (const key of [...rows.keys()].sort()) {
        const path = key.slice(domain.length + 1)
        if (!key.startsWith(`${domain}:`) || !isWithin(path, prefix)) continue
        const read = core.read(rows, domain, path)
        if (read.state !== 'absent') yield { domain, read }
      }
    }
    async function* conflicts(rows: Rows): AsyncIterableIterator<Conflict> {
      for (const [key, versions] of rows) {
        const path = key.slice(key.indexOf(':') + 1)
        if (versions.length > 1 && within(path)) yield core.conflict(path, versions)
      }
    }
    const write = (
      domain: Domain,
      name: string,
      value: MemoryValue | undefined,
      options: PutOptions
    ): Written => {
      const path = resolve(name)
      const live = core.rows.get(`${domain}:${path}`) ?? []
      const ids = live.map(({ entryId }) => entryId)
      if (live.length > 1) throw new ContestedError(path, core.conflict(path, live).id)
      const base = (options.base as readonly EntryId[] | undefined) ?? []
      if (!options.overwrite && base.join() !== ids.join()) throw new StaleBaseError(path, ids)
      const version = core.version(value, true, options, ids)
      core.set(domain, path, [version])
      return { path, entryId: version.entryId, replaced: ids }
    }
    const domain = (name: Domain): Memory['public'] => ({
      get: async (path) => core.read(core.rows, name, resolve(path)),
      put: async (path, value, options = {}) => write(name, path, value, options),
      delete: async (path, options = {}) => {
        const there = core.rows.get(`${name}:${resolve(path)}`) ?? []
        return there.length === 0 && (options.base as readonly EntryId[])?.length === 0
          ? undefined
          : write(name, path, undefined, options)
      },
      list: (options = {}) => list(core.rows, name, resolve(options.prefix ?? scope)),
      history: async function* () {},
      doc: () => Promise.reject(new Error('not in the fake'))
    })
    const missing = (): never => {
      throw new Error('not in the fake')
    }
    return {
      scope,
      public: domain('public'),
      private: domain('private'),
      within: (path) => core.open(resolve(path)),
      search: async function* (query, options = {}) {
        for (const name of options.domain === undefined
          ? (['public', 'private'] as const)
          : [options.domain]) {
          for await (const item of list(core.rows, name, scope)) {
            if (JSON.stringify(item.read).includes(query)) yield { item, score: 1 }
          }
        }
      },
      getUnresolvedConflicts: () => conflicts(core.rows),
      getConflict: missing,
      resolveConflict: missing,
      undo: missing,
      curateFromPublic: missing,
      snapshot: () => {
        const rows = core.rows
        return {
          scope,
          conflicts: () => conflicts(rows),
          get: async (name, path) => core.read(rows, name, resolve(path)),
          list: (name, options = {}) => list(rows, name, resolve(options.prefix ?? scope)),
          pendingCount: async () => core.pending,
          close: async () => {},
          [Symbol.asyncDispose]: async () => {}
        }
      },
      addEventListener: (type, listener, options) => {
        const scoped = (event: Event): void => {
          if (within((event as CustomEvent<{ path: string }>).detail.path))
            (listener as (event: Event) => void)(event)
        }
        core.target.addEventListener(type, scoped, options)
      },
      removeEventListener: missing,
      close: async () => {},
      [Symbol.asyncDispose]: async () => {}
    }
  }
}

function isWithin(path: string, scope: string): boolean {
  return scope === '/' || path === scope || path.startsWith(`${scope}/`)
}
