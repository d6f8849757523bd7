import type { Choice, Domain, EntryId, MemoryValue } from '@cis-memory/core'
import { MAX_IMPORT_ITEMS, MAX_SYNC_KEYS } from '../limits.ts'
import {
  anyText,
  either,
  flag,
  list,
  oneOf,
  optional,
  record,
  type Shape,
  text,
  where,
  wholeNumber
} from '../shape.ts'
import type { CallOperations, ImportItem, NoArguments, StreamOperations } from './contract.ts'

type Schemas<T extends Record<keyof T, { arguments: object }>> = {
  readonly [K in keyof T]: Shape<T[K]['arguments']>
}

const label: Shape<string | undefined> = optional(text())
const domain: Shape<Domain | undefined> = optional(oneOf('public', 'private'))
const value: Shape<MemoryValue> = where((given) => given !== undefined, 'JSON or bytes')
const keys: Shape<readonly string[] | undefined> = optional(list(text(), 'a list of paths'))
const none: Shape<NoArguments> = record<NoArguments>({})
const entryId: Shape<EntryId> = where((given) => typeof given === 'string', 'a version id')

const choice: Shape<Choice> = either<Choice>(
  'a choice',
  record<{ keep: 'local' | 'remote' | 'both' }>({ keep: oneOf('local', 'remote', 'both') }),
  record<{ keep: EntryId }>({ keep: entryId }),
  record<{ keep: EntryId; index: number }>({ keep: entryId, index: wholeNumber(0) }),
  record<{ value: MemoryValue }>({ value }),
  record<{ value: MemoryValue; contentType: string }>({ value, contentType: text() }),
  record<{ delete: true }>({ delete: oneOf(true) })
)

/** What each call is given. Values and paths are judged by core. */
export const callSchemas: Schemas<CallOperations> = {
  'memory.get': record({ path: text(), domain }),
  'memory.set': record({
    path: text(),
    domain,
    value,
    contentType: label,
    category: label,
    tags: optional(list(text(), 'a list of texts')),
    agent: label,
    expiresAt: optional(wholeNumber(0))
  }),
  'memory.delete': record({ path: text(), domain, agent: label }),
  'memory.import': record({
    items: list(
      record<ImportItem>({ path: text(), text: anyText }),
      `at most ${MAX_IMPORT_ITEMS} memories with path and text`,
      MAX_IMPORT_ITEMS
    ),
    domain,
    dryRun: optional(flag)
  }),
  'conflicts.show': record({ conflict: text() }),
  'conflicts.resolve': record({ id: text(), path: label, choice, agent: label }),
  'conflicts.undo': record({ path: text(), agent: label }),
  'memory.broadcast': record({ path: text() }),
  'memory.curate': record({ path: text(), as: label }),
  'node.info': none,
  'node.shutdown': none,
  'peers.add': record({ address: text() }),
  'peers.remove': record({ peer: text() }),
  status: none,
  'guard.check': record({
    agent: text(),
    scope: label,
    keys,
    query: label,
    limit: optional(wholeNumber(1)),
    writeTo: label
  })
}

/** What each stream is given. */
export const streamSchemas: Schemas<StreamOperations> = {
  'memory.list': record({ prefix: label, domain }),
  'memory.search': record({ query: anyText, prefix: label, domain, limit: optional(wholeNumber(1)) }),
  'memory.history': record({ path: text(), domain }),
  'conflicts.list': none,
  'memory.sync': record({
    peer: label,
    direction: optional(oneOf('push', 'pull', 'both')),
    scope: label,
    keys: optional(list(text(), `at most ${MAX_SYNC_KEYS} paths`, MAX_SYNC_KEYS))
  }),
  invite: record({ expiresInMs: optional(wholeNumber(1)), wait: optional(flag) }),
  'peers.list': none
}
