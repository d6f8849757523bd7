import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromBase32, toBase32 } from '../../src/entry/base32.ts'
import { encodeCbor } from '../../src/entry/cbor.ts'
import { DeviceKey, devicePublicKey } from '../../src/entry/ed25519.ts'
import { labelledHash } from '../../src/entry/hash.ts'
import { decodeInvitation, encodeInvitation, type Invitation } from '../../src/sync/invitation.ts'
import { anySpace } from '../entry/arbitraries.ts'
import { alice, filled, refusal, SPACE } from '../entry/build.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

const anyInvitation: fc.Arbitrary<Invitation> = fc.record({
  space: anySpace,
  inviter: fc.constantFrom(alice.id, new DeviceKey(filled(3, 32)).id),
  secret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  expiresAt: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  addresses: fc.array(fc.string({ unit: 'grapheme', maxLength: 60 }), { maxLength: 16 })
})

describe('an invitation code', () => {
  it('P27: says what it was made of, in one word of letters and digits', () => {
    fc.assert(
      fc.property(anyInvitation, (invitation) => {
        const code = encodeInvitation(invitation)
        expect(code).toMatch(/^cis1[a-z2-7]+$/)
        expect(decodeInvitation(code)).toEqual(invitation)
      })
    )
  })

  it('survives upper case, spaces and line breaks', () => {
    fc.assert(
      fc.property(anyInvitation, fc.integer({ min: 1, max: 40 }), (invitation, width) => {
        const code = encodeInvitation(invitation)
        const lines = code.match(new RegExp(`.{1,${width}}`, 'g')) as string[]
        expect(decodeInvitation(`\n ${lines.join('\n  ').toUpperCase()}\t`)).toEqual(invitation)
      }),
      { numRuns: 50 }
    )
  })

  it('is refused with one letter changed, left out, doubled, or two swapped', () => {
    fc.assert(
      fc.property(
        anyInvitation,
        fc.nat(),
        fc.constantFrom(...ALPHABET, '0', '1', '-'),
        fc.constantFrom('change', 'omit', 'double', 'swap'),
        (invitation, position, letter, how) => {
          const code = encodeInvitation(invitation)
          const at = position % code.length
          const [head, tail] = [code.slice(0, at), code.slice(at + 1)]
          const typos: Record<string, string> = {
            change: head + letter + tail,
            omit: head + tail,
            double: head + code[at] + code.slice(at),
            swap: head + (tail[0] ?? '') + code[at] + tail.slice(1)
          }
          const typo = typos[how] as string
          fc.pre(typo !== code)
          expect(() => decodeInvitation(typo)).toThrow(refusal('CORE_INVITATION_INVALID'))
        }
      ),
      { numRuns: 1000 }
    )
  })

  it('is refused when it is something else altogether', () => {
    const body = (fields: [number, unknown][]): string => {
      const bytes = encodeCbor(new Map(fields))
      const checksum = labelledHash('cis/code/1', bytes).subarray(0, 4)
      return `cis1${toBase32(Uint8Array.of(...bytes, ...checksum))}`
    }
    const good: [number, unknown][] = [
      [0, 1],
      [1, filled(0x5a, 16)],
      [2, devicePublicKey(alice.id)],
      [3, filled(1, 32)],
      [4, 5],
      [5, []]
    ]
    expect(decodeInvitation(body([...good, [9, 'later']]))).toMatchObject({ space: SPACE, expiresAt: 5 })
    const others = [
      '',
      'cis1',
      'cis2abcd',
      'hello',
      'cis1aaaa',
      'a'.repeat(100_000),
      body(good.slice(1)),
      body([[0, 2], ...good.slice(1)]),
      body([...good.slice(0, 2), [2, filled(0, 32)], ...good.slice(3)]),
      body([...good.slice(0, 3), [3, filled(1, 16)], ...good.slice(4)]),
      body([...good.slice(0, 5), [5, ['x'.repeat(256)]]]),
      body([...good.slice(0, 5), [5, Array.from({ length: 17 }, () => 'x')]])
    ]
    for (const code of others) {
      expect(() => decodeInvitation(code)).toThrow(refusal('CORE_INVITATION_INVALID'))
    }
  })
})

describe('base32', () => {
  it('agrees with the vectors of RFC 4648 §10', () => {
    const vectors = {
      '': '',
      f: 'my',
      fo: 'mzxq',
      foo: 'mzxw6',
      foob: 'mzxw6yq',
      fooba: 'mzxw6ytb',
      foobar: 'mzxw6ytboi'
    }
    for (const [plain, text] of Object.entries(vectors)) {
      expect(toBase32(Buffer.from(plain))).toBe(text)
      expect(Buffer.from(fromBase32(text) as Uint8Array).toString()).toBe(plain)
    }
  })

  it('refuses every text but the one it writes', () => {
    for (const text of ['a', 'mz1', 'my======', 'MY', 'mz', 'mzxr', 'mzxw6a', 'é'])
      expect(fromBase32(text)).toBeUndefined()
  })
})
