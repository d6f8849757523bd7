/*
 * Everything that reads bytes or text which somebody else may have written: on the wire, on the disk, in a file that is
 * imported, in a code or an address that is typed.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { deflateRawSync } from 'node:zlib'
import { encodeContext } from '@cis-memory/clock'
import { DeviceKey, type Runtime } from '@cis-memory/core'
import {
  answerJoin,
  decodeBatch,
  decodeInvitation,
  encodeBatch,
  encodeInvitation,
  invitationId
} from '@cis-memory/core/sync'
import { MemoryStore, open, SealingKey, seal } from '@cis-memory/store'
import { keyFile, readHolder } from '@cis-memory/store/level'
import fc from 'fast-check'
import { Doc, encodeStateAsUpdate } from 'yjs'
import { readAnswer } from '../../packages/cis-memory/src/ai/answer.ts'
import { parseConfig } from '../../packages/cis-memory/src/config/config.ts'
import { PeerBook } from '../../packages/cis-memory/src/holder/peer-book.ts'
import { planMarkdown } from '../../packages/cis-memory/src/import/markdown.ts'
import { readJsonLines } from '../../packages/cis-memory/src/import/read-json-lines.ts'
import { FrameStream } from '../../packages/cis-memory/src/local-socket/frames.ts'
import { parseReply, parseRequest } from '../../packages/cis-memory/src/local-socket/messages.ts'
import { fromWire } from '../../packages/cis-memory/src/local-socket/wire-errors.ts'
import { parseScopeFile } from '../../packages/cis-memory/src/scope-file.ts'
import {
  decodeAuditRow,
  decodeBody,
  encodeAuditRow,
  encodeBody
} from '../../packages/core/src/audit/audit-record.ts'
import { decodeSealRow, encodeSealRow } from '../../packages/core/src/audit/audit-seal.ts'
import { holdsState, isDocumentState, mergeDocuments } from '../../packages/core/src/documents/merge.ts'
import { fromBase32, toBase32 } from '../../packages/core/src/entry/base32.ts'
import { toHex } from '../../packages/core/src/entry/bytes.ts'
import { decodeCbor, encodeCbor } from '../../packages/core/src/entry/cbor.ts'
import { parsePath } from '../../packages/core/src/entry/path.ts'
import { encodePayload, openPayload } from '../../packages/core/src/entry/payload.ts'
import { memoryChannelPair } from '../../packages/core/src/ports/memory-channel.ts'
import { decodeConflictIdRow, encodeConflictIdRow } from '../../packages/core/src/replica/conflict-id-row.ts'
import { decodeContestedRow, encodeContestedRow } from '../../packages/core/src/replica/contested-row.ts'
import {
  decodeEndedConflict,
  encodeEndedConflict
} from '../../packages/core/src/replica/ended-conflict-row.ts'
import { decodeEpochRow, encodeEpochRow } from '../../packages/core/src/replica/epoch-row.ts'
import { decodeFeedRow, encodeFeedRow } from '../../packages/core/src/replica/feed-row.ts'
import { HeldEntries } from '../../packages/core/src/replica/held.ts'
import { decodeProposalRow, encodeProposalRow } from '../../packages/core/src/replica/proposal-row.ts'
import { heldKey } from '../../packages/core/src/replica/rows.ts'
import {
  decodeCommitRow,
  decodeRecordRow,
  encodeCommitRow,
  encodeRecordRow
} from '../../packages/core/src/replica/signed-row.ts'
import {
  decodeHistoryRow,
  decodeLiveRow,
  encodeHistoryRow,
  encodeLiveRow,
  storedEntry
} from '../../packages/core/src/replica/stored-entry.ts'
import { decodeMessage, encodeMessage } from '../../packages/core/src/sync/messages.ts'
import { again } from '../../packages/core/test/entry/again.ts'
import {
  anyActor,
  anyCommit,
  anyHeader,
  anyJson,
  anyMemoryValue,
  anyPath,
  anyPayload,
  anyRecord,
  anyText
} from '../../packages/core/test/entry/arbitraries.ts'
import { alice } from '../../packages/core/test/entry/build.ts'
import { anyBatch, anyMessage } from '../../packages/core/test/sync/arbitraries.ts'
import { readHeader } from '../../packages/store/src/level/header.ts'
import { judgeLease } from '../../packages/store/src/level/lease.ts'
import { parseAddress } from '../../packages/transport/src/peer-id.ts'
import type { Decoder } from './fuzz.ts'

const SEEDS = 24
const CORE = /^(?:CORE|CLOCK)_[A-Z_]+$/
const NEVER = /^$/

/** Examples that are the same each time. */
function some<T>(from: fc.Arbitrary<T>): T[] {
  return fc.sample(from, { numRuns: SEEDS, seed: 1 })
}

const text = (input: Uint8Array): string => Buffer.from(input).toString()
const texts = (...all: readonly string[]): Uint8Array[] => all.map((each) => Buffer.from(each))
const id = (fill: number): string => fill.toString(16).padStart(2, '0').repeat(16)
const ids = fc.integer({ min: 0, max: 255 }).map(id)
const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 })
const when = fc.integer({ min: 0, max: 2 ** 45 })
const label = fc.option(
  anyText.map((each) => each.slice(0, 20)),
  { nil: undefined }
)

/** One directory for what is read from files, gone with the process. */
const folder = mkdtempSync(join(tmpdir(), 'cis-fuzz-'))
mkdirSync(join(folder, 'rows'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

function fileOf(name: string, content: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

/** A decoder of bytes that have one encoding: what `write` makes of what was read. */
function canonical<T>(
  name: string,
  examples: () => readonly T[],
  write: (value: T) => Uint8Array,
  read: (bytes: Uint8Array) => T
): Decoder {
  return { name, seeds: () => examples().map(write), decode: (input) => write(read(input)), refuses: CORE }
}

const anyStored = fc
  .tuple(anyHeader, fc.uint8Array({ minLength: 1, maxLength: 90 }), fc.option(bytes16, { nil: undefined }))
  .map(([header, cipher, path]) => storedEntry(header, cipher, path, 7n))

const entries: readonly Decoder[] = [
  {
    name: 'context',
    seeds: () => some(anyHeader).map(({ context }) => encodeContext(context)),
    decode: again.context,
    refuses: CORE
  },
  {
    name: 'cbor',
    seeds: () => some(anyJson).map(encodeCbor),
    decode: (input) => encodeCbor(decodeCbor(input)),
    refuses: CORE
  },
  {
    name: 'header',
    seeds: () => some(anyHeader).map(({ bytes }) => bytes),
    decode: again.header,
    refuses: CORE
  },
  {
    name: 'commit',
    seeds: () => some(anyCommit).map(({ bytes }) => bytes),
    decode: again.commit,
    refuses: CORE
  },
  {
    name: 'record',
    seeds: () => some(anyRecord).map(({ bytes }) => bytes),
    decode: again.record,
    refuses: CORE
  },
  { name: 'payload', seeds: () => some(anyPayload).map(encodePayload), decode: again.payload, refuses: CORE },
  {
    // What is inside a sealed payload, so that a change gets past the seal.
    name: 'sealed payload',
    seeds: () => [...some(anyPayload).map((each) => framed(0, encodePayload(each))), ...inflating()],
    decode: (input) => void openPayload(KEY, seal(KEY, input, NOTHING, new Uint8Array(24)), NOTHING),
    refuses: CORE
  },
  {
    name: 'seal',
    seeds: () => some(anyPayload).map((each) => seal(KEY, encodePayload(each), NOTHING, new Uint8Array(24))),
    decode: (input) => void open(KEY, input, NOTHING),
    refuses: NEVER
  },
  {
    name: 'path',
    seeds: () => some(anyPath).map((path) => Buffer.from(path)),
    decode: (input) => {
      const path = parsePath(text(input))
      if (parsePath(path) !== path) throw new Error('a path that was read reads otherwise')
    },
    refuses: CORE
  },
  {
    name: 'document',
    seeds: () => [...documents(), ANNOUNCES_TOO_MUCH],
    decode: async (input) => {
      if (!(await isDocumentState(input))) return
      const other = documents()[0] as Uint8Array
      holdsState(mergeDocuments([input, other]), other)
      holdsState(other, input)
    },
    refuses: NEVER
  }
]

const KEY = new SealingKey(new Uint8Array(32).fill(7))
const NOTHING = new Uint8Array(0)

function framed(kind: number, body: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil((5 + body.length) / 32) * 32)
  whole[0] = kind
  new DataView(whole.buffer).setUint32(1, body.length)
  whole.set(body, 5)
  return whole
}

/** What becomes a thousand times larger. */
function inflating(): Uint8Array[] {
  return [1_000, 1_000_000, 20_000_000].map((length) => framed(1, deflateRawSync(Buffer.alloc(length))))
}

/** 14 million parts of a document, in 41 bytes. */
const ANNOUNCES_TOO_MUCH = Buffer.from(
  '018f8a840701036c6c6f2801036d6170036b6579017502770568656c6c6f760101617d010107010002',
  'hex'
)

function documents(): Uint8Array[] {
  return ['', 'hello', 'x'.repeat(300)].map((word) => {
    const doc = new Doc()
    doc.clientID = 7
    doc.getText('text').insert(0, word)
    doc.getMap('map').set('key', [word, { a: 1 }])
    if (word !== '') doc.getText('text').delete(0, 2)
    return encodeStateAsUpdate(doc)
  })
}

const rows: readonly Decoder[] = [
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
        ([row, from]) => ({ kind: 'entry', path: from, id: row, from: NOTHING }) as never
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

const LINK = { seq: 0, digest: new Uint8Array(32) }

/** Time stands still, and nothing that waits for it happens. */
const runtime: Runtime = { now: () => 1, random: (length) => new Uint8Array(length), timer: () => () => {} }
const SECRET = new Uint8Array(32).fill(9)
const JOINER = new DeviceKey(new Uint8Array(32).fill(8)).id

const wire: readonly Decoder[] = [
  {
    name: 'message',
    seeds: () => some(anyMessage).map(encodeMessage),
    decode: (input) => void decodeMessage(input),
    refuses: /^SYNC_[A-Z_]+$/
  },
  {
    name: 'batch',
    seeds: () => some(anyBatch).map(encodeBatch),
    decode: (input) => void decodeBatch(input),
    refuses: CORE
  },
  {
    name: 'join',
    seeds: () => [
      encodeCbor(
        new Map<number, unknown>([
          [0, 1],
          [1, [1]],
          [2, invitationId(SECRET)],
          [3, new Uint8Array(16)]
        ])
      ),
      encodeCbor(
        new Map<number, unknown>([
          [0, 3],
          [1, new Uint8Array(32)],
          [2, 'phone']
        ])
      ),
      encodeCbor(
        new Map<number, unknown>([
          [0, 6],
          [1, 'SYNC_REFUSED']
        ])
      )
    ],
    decode: async (input) => {
      const [joiner, channel] = memoryChannelPair(JOINER, alice.id)
      const invitation = { id: invitationId(SECRET), secret: SECRET, expiresAt: 2, usedBy: undefined }
      const store = {
        addInvitation: async () => {},
        findInvitation: async () => invitation,
        admit: async () => Promise.reject(new Error('nobody proved the invitation'))
      }
      const answered = answerJoin({ channel, runtime, device: alice.id, store, addresses: () => [] })
      await joiner.send(input)
      await joiner.close()
      while ((await joiner.receive()) !== undefined);
      const { error } = await answered
      throw error
    },
    refuses: /^(?:SYNC|CORE)_[A-Z_]+$/
  },
  {
    name: 'invitation',
    seeds: () =>
      some(fc.tuple(bytes16, fc.array(fc.constant('/ip4/127.0.0.1/tcp/4001'), { maxLength: 3 }))).map(
        ([space, addresses]) =>
          Buffer.from(
            encodeInvitation({
              space: toHex(space) as never,
              inviter: alice.id,
              secret: SECRET,
              expiresAt: 5,
              addresses
            })
          )
      ),
    decode: (input) => void decodeInvitation(text(input)),
    refuses: CORE
  },
  {
    // Past the checksum, which a change does not survive.
    name: 'base32',
    seeds: () => some(fc.uint8Array()).map((each) => Buffer.from(toBase32(each))),
    decode: (input) => {
      const read = fromBase32(text(input))
      return read === undefined ? undefined : Buffer.from(toBase32(read))
    },
    refuses: NEVER
  },
  {
    name: 'address',
    seeds: () =>
      texts(
        '/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWGjMCNQNpTJrvUwcnwDbUpgbNbRhyMd4ZJPSJZRrQMgm7',
        '/ip6/::1/tcp/4001/p2p/12D3KooWGjMCNQNpTJrvUwcnwDbUpgbNbRhyMd4ZJPSJZRrQMgm7',
        '/dns4/example.org/tcp/443/wss/p2p/12D3KooWGjMCNQNpTJrvUwcnwDbUpgbNbRhyMd4ZJPSJZRrQMgm7'
      ),
    decode: (input) => void parseAddress(text(input)),
    refuses: /^TRANSPORT_BAD_ADDRESS$/
  },
  {
    name: 'local socket',
    seeds: () =>
      [
        { type: 'call', id: 1, name: 'memory.get', args: { path: 'a' } },
        { type: 'more', id: 1, items: 3 },
        { type: 'result', id: 1, value: [1, 'a', new Uint8Array(3)] },
        {
          type: 'error',
          id: 1,
          error: { name: 'X', code: 'CORE_X', message: 'x', fields: { path: '/a', problems: [] } }
        }
      ].map((message) => {
        const body = encodeLoosely(message)
        const length = Buffer.alloc(4)
        length.writeUInt32BE(body.length)
        return Buffer.concat([length, body])
      }),
    decode: async (input) => {
      const stream = new PassThrough()
      stream.end(input)
      const limits = { maxSendBytes: 1000, maxReceiveBytes: 1_000_000 }
      for await (const message of new FrameStream(stream, limits).receive()) {
        try {
          parseRequest(message)
        } catch {
          const reply = parseReply(message)
          if (reply.type === 'error') fromWire(reply.error)
        }
      }
    },
    refuses: /^CIS_(?:SOCKET_MALFORMED|CONNECTION_LOST)$/
  }
]

/** Maps with text for keys, as the local socket has them. */
function encodeLoosely(value: unknown): Uint8Array {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return encodeCbor(value)
  if (Array.isArray(value))
    return Buffer.concat([Uint8Array.of(0x80 + value.length), ...value.map(encodeLoosely)])
  const fields = Object.entries(value).sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1))
  return Buffer.concat([
    Uint8Array.of(0xa0 + fields.length),
    ...fields.flatMap(([key, each]) => [encodeCbor(key), encodeLoosely(each)])
  ])
}

const files: readonly Decoder[] = [
  {
    name: 'store.json',
    seeds: () =>
      texts(
        '{"format":1,"id":"00","key":{"kind":"key-file","parameters":{"salt":""},"wrapped":""},"checksum":""}',
        '{}'
      ),
    decode: (input) => readHeader(join(fileOf('store.json', input), '..')),
    refuses: /^STORE_(?:DAMAGED|NEWER_FORMAT)$/
  },
  {
    name: 'holder.json',
    seeds: () => texts('{"pid":1,"startedAtMs":1,"socketPath":"/run/x"}'),
    decode: (input) => readHolder(join(fileOf('holder.json', input), '..')),
    refuses: NEVER
  },
  {
    name: 'lease',
    seeds: () => [new Uint8Array(48), new Uint8Array(66)],
    decode: async (input) => {
      fileOf('lease', input)
      await judgeLease(folder, new Uint8Array(32), input)
    },
    refuses: NEVER
  },
  {
    name: 'key file',
    seeds: () => [new Uint8Array(32), new Uint8Array(31)],
    decode: async (input) =>
      void (await keyFile(fileOf('key', input)).derive({ salt: 'AAAAAAAAAAAAAAAAAAAAAA==' })),
    refuses: /^STORE_KEY_FILE_DAMAGED$/
  },
  {
    name: 'peers.json',
    seeds: () =>
      texts(
        `{"peers":{"${'ab'.repeat(32)}":{"addresses":["/ip4/1.2.3.4/tcp/1/p2p/12D3x"],"lastSyncedAt":5}}}`
      ),
    decode: async (input) => void (await PeerBook.open(fileOf('peers.json', input))).addresses(),
    refuses: NEVER
  },
  {
    name: 'config.toml',
    seeds: () =>
      texts(
        '[device]\nname = "laptop"\n[node]\nlisten = ["/ip4/0.0.0.0/tcp/4001"]\nmdns = true\nshare = ["/acme"]\n',
        '[memory.conflict]\nconflict_window_secs = 30\nalert_open = 20\nnotify = ["/bin/x"]\n[[memory.policy]]\nscope = "/acme"\nkeys = "notes/**"\nmode = "manual"\n',
        '[guard]\nenforce_check = true\naudit_retention_days = 90\n[storage]\ndurability = "os"\n[memory.history]\nkeep_days = 30\n'
      ),
    decode: async (input) => void (await parseConfig('config.toml', text(input))),
    refuses: /^(?:CIS_BAD_CONFIG|GUARD_ENFORCEMENT_REQUIRED)$/
  },
  {
    name: '.cis.toml',
    seeds: () => texts('# the scope\nscope = "/acme/web"\n'),
    decode: (input) => void parseScopeFile('.cis.toml', text(input)),
    refuses: /^CIS_BAD_SCOPE_FILE$/
  },
  {
    name: 'json lines',
    seeds: () =>
      texts(
        '{"type":"memory","path":"a/b","domain":"public","kind":"value","value":{"a":[1]},"tags":["x"],"expiresAt":"2026-01-01T00:00:00.000Z"}\n',
        '{"type":"memory","path":"d","domain":"private","kind":"document","valueBase64":"AAA="}\n{"type":"memory","path":"c","domain":"public","kind":"value","value":1,"conflict":"aaaabbbbcccc"}\n',
        '{"type":"entity","name":"Ana","entityType":"person","observations":["likes tea"]}\n{"type":"relation","from":"Ana","to":"Bo","relationType":"knows"}\n'
      ),
    decode: async (input) => {
      for await (const item of readJsonLines('x.jsonl', chunksOf(input))) void item
    },
    refuses: /^CIS_IMPORT_(?:MALFORMED|TOO_LARGE)$/
  },
  {
    name: 'markdown',
    seeds: () =>
      texts(
        '---\ntitle: x\n---\n# Setup\n\nText with [a link](http://x) and `code`.\n\n## Usage ##\n\n```sh\n# no heading\n```\n',
        'Title\n=====\n\n<!-- # hidden -->\ntext\n\n# Setup\nagain\n# Setup\nand again\n'
      ),
    decode: (input) => void planMarkdown([{ name: 'docs/a.md', text: text(input) }]),
    refuses: NEVER
  },
  {
    name: 'answer of a model',
    seeds: () => texts('{"value":"merged","rationale":"both"}', '```json\n{"value":{"a":1}}\n```'),
    decode: (input) => void readAnswer(text(input), ['a']),
    refuses: /^CIS_AI_BAD_ANSWER$/
  }
]

async function* chunksOf(input: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < input.length; at += 1000) yield input.subarray(at, at + 1000)
}

export const decoders: readonly Decoder[] = [...entries, ...rows, ...wire, ...files]
