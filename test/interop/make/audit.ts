import {
  type AuditRow,
  encodeAuditRow,
  encodeBody,
  NO_DIGEST,
  nextRow,
  type TimedBody
} from '../../../packages/core/src/audit/audit-record.ts'
import { encodeSealRow } from '../../../packages/core/src/audit/audit-seal.ts'
import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { PathTokens, parsePath } from '../../../packages/core/src/entry/path.ts'
import type { EntryId } from '../../../packages/core/src/versions.ts'
import { type Case, run } from './case.ts'
import { laptop, SEED } from './cast.ts'

const tokens = new PathTokens(run(0x60, 32))
const AT = 1_700_000_000_000
const id = (digit: string): EntryId => digit.repeat(32) as EntryId
const given = (
  domain: 'public' | 'private',
  path: string,
  ...entryIds: EntryId[]
): TimedBody['places'][number] => ({
  domain,
  token: tokens.of(parsePath(path)),
  entryIds
})
const nothing = { conflictCount: 0, conflicts: [], places: [], code: undefined, of: undefined }

/** A log, record by record. */
const BODIES: readonly [name: string, body: TimedBody][] = [
  ['a check by the owner', { ...nothing, at: AT, kind: 'check', agent: undefined, scope: '/' }],
  [
    'a refusal',
    {
      ...nothing,
      at: AT + 1,
      kind: 'refusal',
      agent: 'reviewer',
      scope: '/acme/web',
      conflictCount: 70,
      conflicts: ['k7q2m4x9p3ab', 'a2b3c4d5e6f7'],
      code: 'GUARD_CONFLICT_PENDING'
    }
  ],
  [
    'a delivery from both domains, of a memory with two equal versions as well',
    {
      ...nothing,
      at: AT + 2,
      kind: 'delivery',
      agent: 'reviewer',
      scope: '/acme/web',
      places: [
        given('public', '/acme/web/timeout', id('a'), id('b')),
        given('private', '/acme/web/own', id('c'))
      ]
    }
  ],
  [
    'what an agent is about to write',
    {
      ...nothing,
      at: AT + 3,
      kind: 'write',
      agent: 'reviewer',
      scope: '/acme/web',
      places: [given('public', '/acme/web/timeout', id('a'), id('b'))],
      of: 3
    }
  ],
  [
    'what came of it',
    {
      ...nothing,
      at: AT + 4,
      kind: 'written',
      agent: 'reviewer',
      scope: '/acme/web',
      places: [given('public', '/acme/web/timeout', id('d'))],
      of: 4
    }
  ]
]

function rows(): AuditRow[] {
  const made: AuditRow[] = []
  for (const [, body] of BODIES)
    made.push(nextRow(made.at(-1) ?? { seq: 0, digest: NO_DIGEST }, encodeBody(body)))
  return made
}

export function auditRecordCases(): Case[] {
  return rows().map((row, i) => {
    const [name, body] = BODIES[i]!
    return {
      name,
      seq: row.seq,
      at: body.at,
      kind: body.kind,
      agent: body.agent ?? null,
      scope: body.scope,
      conflictCount: body.conflictCount,
      conflicts: body.conflicts,
      places: body.places.map(({ domain, token, entryIds }) => ({ domain, token: toHex(token), entryIds })),
      code: body.code ?? null,
      of: body.of ?? null,
      previous: toHex(row.previous),
      body: toHex(row.body),
      digest: toHex(row.digest),
      row: toHex(encodeAuditRow(row))
    }
  })
}

export function auditSealCases(): Case[] {
  const all = rows()
  const start = { seq: 0, digest: NO_DIGEST }
  return [
    ['over all five records', start, all[4]!] as const,
    ['after the first two were let go of', all[1]!, all[4]!] as const
  ].map(([name, base, head]) => {
    const at = AT + 4
    return {
      name,
      seed: toHex(SEED),
      device: laptop.id,
      base: base.seq,
      baseDigest: toHex(base.digest),
      head: head.seq,
      headDigest: toHex(head.digest),
      at,
      row: toHex(encodeSealRow(laptop, { base, head, at }))
    }
  })
}
