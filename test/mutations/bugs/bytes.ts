import type { Mutation } from '../mutation.ts'

const ED25519 = 'packages/core/src/entry/ed25519.ts'
const ED25519_TEST = 'packages/core/test/entry/ed25519.test.ts'

/** What bytes are accepted, and what they stand for. */
export const BYTES: readonly Mutation[] = [
  {
    name: 'noble-as-verifier',
    bug: 'signatures are checked by an engine that multiplies by the cofactor',
    breaks: ['P25'],
    file: ED25519,
    text: "import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'",
    becomes: `import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'

const verify = (_: null, message: Uint8Array, key: KeyObject, signature: Uint8Array): boolean =>
  ed25519.verify(signature, message, key.export({ format: 'der', type: 'spki' }).subarray(-PUBLIC_KEY_BYTES))
`,
    tests: [ED25519_TEST]
  },
  {
    name: 'keys-of-small-order',
    bug: 'a device may have a key under which any signature holds',
    breaks: ['P25'],
    file: ED25519,
    text: 'return y < FIELD_PRIME && !SMALL_ORDER_Y.has(y)',
    becomes: 'return y < FIELD_PRIME',
    tests: [ED25519_TEST]
  },
  {
    name: 'associated-data-without-the-header',
    bug: 'a sealed payload opens under any header',
    breaks: ['P26'],
    file: 'packages/core/src/entry/header.ts',
    text: 'return encodeCbor(unsealedFields(header))',
    becomes: 'return encodeCbor([VERSION, fromHex(header.space)])',
    tests: ['packages/core/test/entry/header.test.ts', 'packages/core/test/replica/hostile.test.ts']
  },
  {
    name: 'nonce-of-chance-alone',
    bug: 'two machines that draw the same random bytes seal two messages under one nonce',
    breaks: ['sealing'],
    file: 'packages/store/src/seal.ts',
    text: "      .update(hash('sha256', plaintext, 'buffer'))\n",
    becomes: '      .update(plaintext.subarray(0, 0))\n',
    tests: ['packages/store/test/seal.test.ts']
  },
  {
    name: 'key-file-for-everybody',
    bug: 'a key file is taken that others on the machine can read',
    breaks: ['sealing'],
    file: 'packages/store/src/level/keystore.ts',
    text: '(mode & 0o077) !== 0',
    becomes: '(mode & 0o777) === 0',
    tests: ['packages/store/test/level/keys.test.ts']
  },
  {
    name: 'room-for-what-is-announced',
    bug: 'a few bytes that call themselves a document take a hundred megabytes of whoever reads them',
    breaks: ['P28'],
    file: 'packages/core/src/documents/merge.ts',
    text: '    decodeUpdate(bytes)\n',
    becomes: '    void decodeUpdate\n',
    tests: ['packages/core/test/documents/merge.test.ts']
  },
  {
    name: 'payloads-inflate-without-bound',
    bug: 'a small payload of a member fills the memory of whoever reads it',
    breaks: ['P28'],
    file: 'packages/core/src/entry/payload.ts',
    text: 'maxOutputLength: MAX_PAYLOAD_BYTES, info',
    becomes: 'maxOutputLength: 64 * MAX_PAYLOAD_BYTES, info',
    tests: ['packages/core/test/entry/payload.test.ts']
  },
  {
    name: 'maps-in-any-order',
    bug: 'one value has several encodings',
    breaks: ['P27'],
    file: 'packages/core/src/entry/cbor.ts',
    text: "        throw notCbor('has keys out of order')\n",
    becomes: '        previous = { start, end }\n',
    tests: ['packages/core/test/entry/cbor.test.ts']
  },
  {
    name: 'context-in-any-order',
    bug: 'one context has several encodings, and so one write several ids',
    breaks: ['P27'],
    file: 'packages/clock/src/codec.ts',
    text: 'if (actor <= previous) throw',
    becomes: 'if (actor === previous) throw',
    tests: ['packages/clock/test/codec.test.ts']
  }
]
