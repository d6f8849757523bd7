import { PassThrough } from 'node:stream'
import { DeviceKey, type Runtime } from '@cis-memory/core'
import {
  answerJoin,
  decodeBatch,
  decodeInvitation,
  encodeBatch,
  encodeInvitation,
  invitationId
} from '@cis-memory/core/sync'
import fc from 'fast-check'
import { FrameStream } from '../../../packages/cis-memory/src/local-socket/frames.ts'
import { parseReply, parseRequest } from '../../../packages/cis-memory/src/local-socket/messages.ts'
import { fromWire } from '../../../packages/cis-memory/src/local-socket/wire-errors.ts'
import { fromBase32, toBase32 } from '../../../packages/core/src/entry/base32.ts'
import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { encodeCbor } from '../../../packages/core/src/entry/cbor.ts'
import { memoryChannelPair } from '../../../packages/core/src/ports/memory-channel.ts'
import { decodeMessage, encodeMessage } from '../../../packages/core/src/sync/messages.ts'
import { alice } from '../../../packages/core/test/entry/build.ts'
import { anyBatch, anyMessage } from '../../../packages/core/test/sync/arbitraries.ts'
import { parseAddress } from '../../../packages/transport/src/peer-id.ts'
import type { Decoder } from '../fuzz.ts'
import { bytes16, CORE, NEVER, some, text, texts } from './examples.ts'

/** Time stands still, and nothing that waits for it happens. */
const runtime: Runtime = { now: () => 1, random: (length) => new Uint8Array(length), timer: () => () => {} }
const SECRET = new Uint8Array(32).fill(9)
const JOINER = new DeviceKey(new Uint8Array(32).fill(8)).id

export const wire: readonly Decoder[] = [
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
