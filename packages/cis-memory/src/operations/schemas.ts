import type { Choice, EntryId, MemoryValue } from '@cis-memory/core'
import * as v from 'valibot'
import { MAX_IMPORT_ITEMS, MAX_SYNC_KEYS } from '../limits.ts'
import { text, wholeNumber } from '../validation.ts'
import type { CallOperations, StreamOperations } from './contract.ts'

/** Each names exactly the arguments of its operation. */
type Schemas<T extends Record<keyof T, { arguments: object }>> = {
  readonly [K in keyof T]: v.GenericSchema<T[K]['arguments']> & {
    readonly entries: Record<keyof T[K]['arguments'], v.GenericSchema>
  }
}

const label = v.optional(text)
const domain = v.optional(v.picklist(['public', 'private']))
const value = v.custom<MemoryValue>((given) => given !== undefined, 'must be JSON or bytes')
const keys = v.optional(v.array(text))
const none = v.strictObject({})
const entryId = v.custom<EntryId>((given) => typeof given === 'string', 'must be a version id')

const choice: v.GenericSchema<Choice> = v.union(
  [
    v.strictObject({ keep: v.picklist(['local', 'remote', 'both', 'proposal']) }),
    v.strictObject({ keep: entryId }),
    v.strictObject({ keep: entryId, index: wholeNumber(0) }),
    v.strictObject({ value }),
    v.strictObject({ value, contentType: text }),
    v.strictObject({ delete: v.literal(true) })
  ],
  'must be a choice'
)

/** What each call is given. Values and paths are judged by core. */
export const callSchemas: Schemas<CallOperations> = {
  'memory.get': v.strictObject({ path: text, domain }),
  'memory.set': v.strictObject({
    path: text,
    domain,
    value,
    contentType: label,
    category: label,
    tags: v.optional(v.array(text)),
    agent: label,
    expiresAt: v.optional(wholeNumber(0))
  }),
  'memory.delete': v.strictObject({ path: text, domain, agent: label }),
  'memory.cleanHistory': v.strictObject({ domain, dryRun: v.optional(v.boolean()) }),
  'memory.import': v.strictObject({
    items: v.pipe(
      v.array(
        v.strictObject({
          path: text,
          domain,
          value,
          isDocument: v.optional(v.boolean()),
          contentType: label,
          category: label,
          tags: v.optional(v.array(text)),
          expiresAt: v.optional(wholeNumber(0))
        })
      ),
      v.maxLength(MAX_IMPORT_ITEMS)
    ),
    dryRun: v.optional(v.boolean())
  }),
  'conflicts.show': v.strictObject({ conflict: text }),
  'conflicts.resolve': v.strictObject({ id: text, path: label, choice, agent: label }),
  'conflicts.count': none,
  'conflicts.undo': v.strictObject({ conflict: text, agent: label }),
  'conflicts.stats': v.strictObject({ since: v.optional(wholeNumber(0)), prefix: label }),
  'conflicts.propose': v.strictObject({ id: text }),
  'conflicts.refuse': v.strictObject({ id: text }),
  'memory.restore': v.strictObject({
    path: text,
    domain,
    entryId,
    index: v.optional(wholeNumber(0)),
    agent: label
  }),
  'memory.broadcast': v.strictObject({ path: text }),
  'memory.curate': v.strictObject({ path: text, as: label, mode: v.optional(v.picklist(['copy', 'adapt'])) }),
  'node.info': none,
  'node.shutdown': none,
  'peers.add': v.strictObject({ address: text }),
  'peers.remove': v.strictObject({ peer: text }),
  status: none,
  doctor: none,
  'guard.check': v.strictObject({
    agent: text,
    scope: label,
    keys,
    query: label,
    limit: v.optional(wholeNumber(1)),
    fresh: v.optional(v.boolean()),
    writeTo: label
  }),
  'audit.verify': v.strictObject({
    noted: v.optional(
      v.strictObject({
        seq: wholeNumber(1),
        digest: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u, 'must be 64 hex digits'))
      })
    )
  })
}

/** What each stream is given. */
export const streamSchemas: Schemas<StreamOperations> = {
  'memory.list': v.strictObject({ prefix: label, domain }),
  'memory.search': v.strictObject({
    query: v.string(),
    prefix: label,
    domain,
    limit: v.optional(wholeNumber(1))
  }),
  'memory.history': v.strictObject({ path: text, domain }),
  'memory.why': v.strictObject({ path: text, domain }),
  'memory.stale': none,
  'audit.list': v.strictObject({
    agent: label,
    kind: v.optional(v.picklist(['check', 'delivery', 'refusal', 'write', 'written'])),
    path: label,
    since: v.optional(wholeNumber(0))
  }),
  'conflicts.list': none,
  'conflicts.settled': v.strictObject({ since: v.optional(wholeNumber(0)) }),
  'memory.sync': v.strictObject({
    peer: label,
    direction: v.optional(v.picklist(['push', 'pull', 'both'])),
    scope: label,
    keys: v.optional(v.pipe(v.array(text), v.maxLength(MAX_SYNC_KEYS)))
  }),
  invite: v.strictObject({ expiresInMs: v.optional(wholeNumber(1)), wait: v.optional(v.boolean()) }),
  'peers.list': none
}
