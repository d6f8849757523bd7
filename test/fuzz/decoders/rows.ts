import { MemoryStore } from '@cis-memory/store'
import fc from 'fast-check'
import {
  decodeAuditRow,
  decodeBody,
  encodeAuditRow,
  encodeBody
} from '../../../packages/core/src/audit/audit-record.ts'
import { decodeSealRow, encodeSealRow } from '../../../packages/core/src/audit/audit-seal.ts'
import { NO_BYTES } from '../../../packages/core/src/entry/bytes.ts'
import { encodeCbor } from '../../../packages/core/src/entry/cbor.ts'
import {
  decodeConflictIdRow,
  encodeConflictIdRow
} from '../../../packages/core/src/replica/conflict-id-row.ts'
import { decodeContestedRow, encodeContestedRow } from '../../../packages/core/src/replica/contested-row.ts'
import {
  decodeEndedConflict,
  encodeEndedConflict
} from '../../../packages/core/src/replica/ended-conflict-row.ts'
import { decodeEpochRow, encodeEpochRow } from '../../../packages/core/src/replica/epoch-row.ts'
import { decodeFeedRow, encodeFeedRow } from '../../../packages/core/src/replica/feed-row.ts'
import { HeldEntries } from '../../../packages/core/src/replica/held.ts'
import { decodeProposalRow, encodeProposalRow } from '../../../packages/core/src/replica/proposal-row.ts'
import { heldKey } from '../../../packages/core/src/replica/rows.ts'
import {
  decodeCommitRow,
  decodeRecordRow,
  encodeCommitRow,
  encodeRecordRow
} from '../../../packages/core/src/replica/signed-row.ts'
import {
  decodeHistoryRow,
  decodeLiveRow,
  encodeHistoryRow,
  encodeLiveRow
} from '../../../packages/core/src/replica/stored-entry.ts'
import {
  anyActor,
  anyCommit,
  anyMemoryValue,
  anyPath,
  anyRecord
} from '../../../packages/core/test/entry/arbitraries.ts'
import { alice } from '../../../packages/core/test/entry/build.ts'
import type { Decoder } from '../fuzz.ts'
import { anyStored, bytes16, CORE, canonical, id, ids, label, some, when } from './examples.ts'

const LINK = { seq: 0, digest: new Uint8Array(32) }

export const rows: readonly Decoder[] = [
  canonical(
    'live row',
    () => some(fc.array(anyStored, { minLength: 1, maxLength: 3 })),
    encodeLiveRow,
    decodeLiveRow
  ),
  canonical(
    'history row',
    () => some(anyStored).map((stored) => ({ ...stored, replacedAt: 5 })),
    (entry) => encodeHistoryRow(entry, entry.replacedAt),
    decodeHistoryRow
  ),
  canonical(
    'commit row',
    () => some(anyCommit).map((commit) => ({ commit, leaves: undefined })),
    encodeCommitRow,
    decodeCommitRow
  ),
  canonical('record row', () => some(anyRecord), encodeRecordRow, decodeRecordRow),
  canonical(
    'feed row',
    () => [
      ...some(fc.tuple(ids, bytes16)).map(([row, from]) => ({ kind: 'record', id: row, from }) as never),
      ...some(fc.tuple(ids, bytes16)).map(
        ([row, from]) => ({ kind: 'entry', path: from, id: row, from: NO_BYTES }) as never
      )
    ],
    encodeFeedRow,
    decodeFeedRow
  ),
  canonical(
    'contested row',
    () => some(when).map((detectedAt) => ({ id: 'aaaabbbbcccc', detectedAt })),
    encodeContestedRow,
    decodeContestedRow
  ),
  canonical(
    'conflict id',
    () =>
      some(fc.tuple(bytes16, fc.option(when, { nil: undefined }))).map(([token, retiredAt]) => ({
        token,
        retiredAt
      })),
    encodeConflictIdRow,
    decodeConflictIdRow
  ),
  canonical(
    'ended conflict',
    () =>
      some(fc.tuple(ids, anyActor, bytes16, anyPath, label)).map(([entryId, actor, token, path, agent]) => {
        const author = { entryId: entryId as never, actor, agent }
        const version = { ...author, writtenAt: 3, kind: 'value' as const, index: 0 }
        return {
          id: 'aaaabbbbcccc',
          token,
          path,
          kind: 'edit',
          detectedAt: 1,
          settledAt: 2,
          endedBy: author,
          versions: [version]
        } as never
      }),
    encodeEndedConflict,
    decodeEndedConflict
  ),
  canonical(
    'proposal',
    () =>
      some(fc.tuple(anyMemoryValue, anyPath, label)).map(
        ([value, path, rationale]) =>
          ({
            conflictId: 'aaaabbbbcccc',
            path,
            value,
            contentType: 'text/plain',
            model: 'a model',
            promptHash: 'abc',
            rationale,
            proposedAt: 1,
            refusedAt: undefined
          }) as never
      ),
    encodeProposalRow,
    decodeProposalRow
  ),
  canonical(
    'epoch row',
    () => some(when).map((at) => ({ reason: 'unclean-stop' as const, at })),
    encodeEpochRow,
    decodeEpochRow
  ),
  canonical(
    'audit row',
    () =>
      some(fc.uint8Array({ minLength: 1 })).map((body) => ({
        seq: 1,
        previous: new Uint8Array(32),
        digest: new Uint8Array(32),
        body
      })),
    encodeAuditRow,
    (input) => decodeAuditRow(1, input)
  ),
  canonical(
    'audit record',
    () =>
      some(fc.tuple(when, label, bytes16, ids)).map(([at, agent, token, entryId]) => ({
        at,
        kind: 'check' as never,
        agent,
        scope: '/a',
        conflictCount: 1,
        conflicts: ['aaaabbbbcccc'],
        places: [{ domain: 'public' as const, token, entryIds: [entryId as never] }],
        code: undefined,
        of: 3
      })),
    encodeBody,
    decodeBody
  ),
  {
    name: 'audit seal',
    seeds: () => some(when).map((at) => encodeSealRow(alice, { base: LINK, head: { ...LINK, seq: 9 }, at })),
    decode: (input) => void decodeSealRow(alice.id, input),
    refuses: CORE
  },
  {
    name: 'held row',
    seeds: () =>
      some(fc.tuple(anyStored, anyCommit)).map(([{ header, cipher }, commit]) =>
        encodeCbor([
          header.bytes,
          cipher,
          commit.bytes,
          commit.signature,
          new Uint8Array(16),
          new Uint8Array(16),
          null
        ])
      ),
    decode: async (input) => {
      const held = new MemoryStore().partition('public')
      await held.write([{ type: 'put', key: heldKey(1n, id(1)), value: input }])
      await new HeldEntries(held).open()
    },
    refuses: CORE
  }
]
