import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { decodeCbor } from '../../../packages/core/src/entry/cbor.ts'
import { createFork, type SystemRecord } from '../../../packages/core/src/entry/records.ts'
import { littleEndian, P } from '../../../packages/core/test/entry/edwards.ts'
import { type Case, MALFORMED, run, variants } from './case.ts'
import { admin, epoch, genesis, member, nextEpoch } from './cast.ts'
import { commitOver, headers, single } from './commits.ts'

const forked = createFork(single, commitOver(headers.slice(0, 1), { root: run(0, 16) }))

const RECORDS: readonly [name: string, record: SystemRecord][] = [
  ['genesis', genesis],
  ['a member', member],
  ['an admin', admin],
  ['a first epoch', epoch],
  ['the next epoch', nextEpoch],
  ['a fork', forked]
]

export function recordCases(): Case[] {
  return RECORDS.map(([name, record]) => ({
    name,
    kind: record.kind,
    space: record.space,
    device: record.kind === 'fork' ? null : record.device,
    actor: record.kind === 'epoch' || record.kind === 'fork' ? record.actor : null,
    author: record.kind === 'fork' ? null : record.kind === 'member' ? record.issuer : record.device,
    hex: toHex(record.bytes),
    signature: toHex(record.signature),
    id: record.id
  }))
}

export function invalidRecordCases(): Case[] {
  const of = (record: SystemRecord, changes: Parameters<typeof variants>[2]): Case[] =>
    variants(record.bytes, MALFORMED, changes).map((each) => ({
      ...each,
      signature: toHex(record.signature)
    }))
  return [
    ...of(genesis, [
      ['a kind that does not exist', 1, 4],
      ['a kind as text', 1, '0'],
      ['a kind in an array', 1, [0]],
      ['a kind by a method name', 1, 'length'],
      ['another version', 0, 2],
      ['a genesis whose device is of small order', 2, littleEndian(1n), 'CORE_BAD_KEY'],
      ['a genesis with a nonce of 15 bytes', 3, run(0, 15)],
      ['a genesis with a name of 256 bytes', 4, 'a'.repeat(256)]
    ]),
    ...of(member, [
      ['a role that does not exist', 4, 2],
      ['a member whose issuer is no key', 6, littleEndian(P), 'CORE_BAD_KEY']
    ]),
    ...of(epoch, [
      ['epoch zero', 4, 0],
      ['the start of an actor before it', 6, run(0, 5), 'CLOCK_MALFORMED']
    ]),
    ...of(forked, [
      ['a fork of one commit twice', 3, (decodeCbor(forked.bytes) as unknown[])[5]],
      ['a fork of another space', 2, run(0, 16)]
    ]),
    { name: 'no signature', hex: toHex(genesis.bytes), signature: '', code: MALFORMED },
    {
      name: 'a signature on a fork',
      hex: toHex(forked.bytes),
      signature: toHex(genesis.signature),
      code: MALFORMED
    }
  ]
}
