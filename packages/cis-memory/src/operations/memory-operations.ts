import { ContestedError, type Curator, type Domain, type Read, type Version } from '@cis-memory/core'
import { given } from '../given.ts'
import { importItems } from '../import/import-items.ts'
import {
  type CallHandlers,
  domainOf,
  noModel,
  requireDomain,
  type SessionMemory,
  type StreamHandlers
} from './handlers.ts'

type Calls = Pick<
  CallHandlers,
  | 'memory.get'
  | 'memory.set'
  | 'memory.delete'
  | 'memory.restore'
  | 'memory.cleanHistory'
  | 'memory.import'
  | 'memory.curate'
>
type Streams = Pick<StreamHandlers, 'memory.list' | 'memory.search' | 'memory.history' | 'memory.stale'>

/** What the operations on memories need of the process behind them. */
export interface MemoryHost {
  /** What adapts a memory when its owner asks for it. */
  readonly curator: Curator | undefined
}

export function memoryCalls({ curator }: MemoryHost, session: SessionMemory): Calls {
  return {
    'memory.get': ({ path, domain }, signal) => domainOf(session, domain).get(path, { signal }),

    'memory.set': async ({ path, domain, value, ...labels }, signal) => {
      const target = domainOf(session, domain)
      // What is live as this starts is what whoever asked means to replace; what comes in between makes it stale.
      const before = await target.get(path, { signal })
      const replaced = replacedBy(before)
      const written = await target.put(path, value, { ...given(labels), base: before, signal })
      return { written, replaced }
    },

    'memory.delete': async ({ path, domain, agent }, signal) => {
      const target = domainOf(session, domain)
      const before = await target.get(path, { signal })
      const deleted = replacedBy(before)
      const written = await target.delete(path, { ...given({ agent }), base: before, signal })
      return { written, deleted }
    },

    'memory.restore': ({ path, domain = 'public', entryId, index, agent }, signal) => {
      requireDomain(session, domain)
      const version = { entryId, ...given({ index }) }
      return session.memory.restore(path, version, { domain, ...given({ agent }), signal })
    },

    'memory.cleanHistory': ({ domain = session.domain, ...options }, signal) => {
      if (domain !== undefined) requireDomain(session, domain)
      return session.memory.cleanHistory({ ...given({ domain, ...options }), signal })
    },

    'memory.import': ({ items, dryRun = false }, signal) => importItems(session, items, { dryRun, signal }),

    'memory.curate': async ({ path, as, mode = 'copy' }, signal) => {
      requireBoth(session)
      const options = { ...given({ as }), signal }
      if (mode === 'copy') return session.memory.curateFromPublic(path, { mode, ...options })
      if (curator === undefined) throw noModel()
      return session.memory.curateFromPublic(path, { mode, curator, ...options })
    }
  }
}

export function memoryStreams(session: SessionMemory): Streams {
  return {
    'memory.list': async function* ({ prefix, domain }, signal) {
      for (const each of domainsOf(session, domain)) {
        yield* domainOf(session, each).list({ ...given({ prefix }), signal })
      }
    },

    'memory.search': ({ query, domain = session.domain, ...options }, signal) => {
      if (domain !== undefined) requireDomain(session, domain)
      return session.memory.search(query, { ...given({ domain, ...options }), signal })
    },

    'memory.history': ({ path, domain }, signal) => domainOf(session, domain).history(path, { signal }),

    'memory.stale': (_, signal) => {
      requireBoth(session)
      return session.memory.listStaleCurated({ signal })
    }
  }
}

/** Curated memory is private and made from what is public. @throws {CisError} `CIS_OUTSIDE_SESSION` */
function requireBoth(session: SessionMemory): void {
  requireDomain(session, 'private')
  requireDomain(session, 'public')
}

/** What a write on this base replaces. @throws {ContestedError} `CORE_CONTESTED` when that is several versions */
function replacedBy(before: Read): Version | undefined {
  if (before.state === 'conflict') throw new ContestedError(before.path, before.conflict.id)
  return before.state === 'value' ? before.version : undefined
}

function domainsOf(session: SessionMemory, asked: Domain | undefined): readonly Domain[] {
  const only = asked ?? session.domain
  return only === undefined ? ['public', 'private'] : [only]
}
