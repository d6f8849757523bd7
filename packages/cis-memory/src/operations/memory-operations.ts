import { ContestedError, type Domain, type Read, type Version } from '@cis-memory/core'
import { given } from '../given.ts'
import { importItems } from '../import/import-items.ts'
import {
  type CallHandlers,
  domainOf,
  publicOf,
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
type Streams = Pick<StreamHandlers, 'memory.list' | 'memory.search' | 'memory.history'>

export function memoryCalls(session: SessionMemory): Calls {
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

    'memory.curate': ({ path, as }, signal) => {
      requireDomain(session, 'private')
      publicOf(session)
      return session.memory.curateFromPublic(path, { mode: 'copy', ...given({ as }), signal })
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

    'memory.history': ({ path, domain }, signal) => domainOf(session, domain).history(path, { signal })
  }
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
