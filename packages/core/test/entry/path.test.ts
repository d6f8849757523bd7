import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/entry/bytes.ts'
import {
  isWithin,
  nameOf,
  type Path,
  PathTokens,
  parentOf,
  parsePath,
  ROOT,
  relativeTo,
  resolvePath,
  segmentsOf
} from '../../src/entry/path.ts'
import { MAX_PATH_SEGMENTS, MAX_SEGMENT_BYTES } from '../../src/limits.ts'
import { anyPath } from './arbitraries.ts'
import { filled, refusal } from './build.ts'

const badPath = refusal('CORE_BAD_PATH')
const p = (text: string): Path => parsePath(text)

describe('paths', () => {
  it.each([
    '/',
    '/a',
    '/acme/web/config',
    '/a b',
    '/...',
    '/.hidden',
    '/a.',
    '/日本/語',
    '/👩‍👩‍👧',
    '/نص',
    '/~',
    '/a\\b',
    '/%2e%2e',
    '/葛\u{fe00}'
  ])('takes %s as it is', (text) => {
    expect(p(text)).toBe(text)
  })

  it('brings text to NFC, so that one name has one path', () => {
    expect(p('/cafe\u0301')).toBe('/caf\u00e9')
    expect(p('/\u1112\u1161\u11ab')).toBe('/\ud55c')
    expect(p('/\u212b')).toBe('/\u00c5')
    expect(p('/q\u0307\u0323')).toBe('/q\u0323\u0307')
  })

  it('keeps look-alikes of other scripts and widths apart: they are other names', () => {
    expect(new Set(['/a', '/\u0430', '/\uff41', '/\u00aa'].map(p)).size).toBe(4)
    expect(p('/a\uff0fb')).toBe('/a\uff0fb')
    expect(segmentsOf(p('/a\uff0fb'))).toHaveLength(1)
    expect(p('/\uff0e\uff0e')).toBe('/\uff0e\uff0e')
  })

  it.each([
    ['nothing', ''],
    ['a relative path', 'a'],
    ['an empty segment', '/a//b'],
    ['a slash at the end', '/a/'],
    ['two slashes', '//'],
    ['this directory', '/a/.'],
    ['the directory above', '/a/../b'],
    ['the directory above at the end', '/a/..'],
    ['only spaces', '/ '],
    ['a space at the start', '/ a'],
    ['a space at the end', '/a /b'],
    ['a no-break space at the end', '/a\u00a0'],
    ['an ideographic space at the end', '/a\u3000'],
    ['a lone surrogate', '/\ud800'],
    ['a lone low surrogate', '/a\udc00b']
  ])('refuses %s', (_name, text) => {
    expect(() => p(text)).toThrow(badPath)
  })

  it.each([
    ['zero', 0x0000],
    ['a line feed', 0x000a],
    ['escape', 0x001b],
    ['delete', 0x007f],
    ['a next line of C1', 0x0085],
    ['the end of C1', 0x009f],
    ['a soft hyphen', 0x00ad],
    ['a grapheme joiner', 0x034f],
    ['an Arabic letter mark', 0x061c],
    ['a Hangul filler', 0x3164],
    ['a Hangul choseong filler', 0x115f],
    ['a half-width Hangul filler', 0xffa0],
    ['a Mongolian vowel separator', 0x180e],
    ['a zero-width space', 0x200b],
    ['a left-to-right mark', 0x200e],
    ['a right-to-left mark', 0x200f],
    ['a line separator', 0x2028],
    ['a paragraph separator', 0x2029],
    ['a left-to-right embedding', 0x202a],
    ['a right-to-left override', 0x202e],
    ['a word joiner', 0x2060],
    ['an invisible plus', 0x2064],
    ['an isolate', 0x2066],
    ['the end of an isolate', 0x2069],
    ['a deprecated format mark', 0x206f],
    ['a blank braille pattern', 0x2800],
    ['a byte order mark', 0xfeff],
    ['an interlinear annotation', 0xfff9],
    ['a musical format mark', 0x1d173],
    ['a language tag', 0xe0001],
    ['a tag that spells a letter', 0xe0061]
  ])('refuses %s', (_name, codePoint) => {
    const character = String.fromCodePoint(codePoint)
    for (const text of [`/${character}`, `/a${character}b`, `/a/${character}a`]) {
      expect(() => p(text), JSON.stringify(text)).toThrow(badPath)
    }
  })

  it('counts the bytes of a segment after it was brought to NFC', () => {
    expect(() => p(`/${'a'.repeat(MAX_SEGMENT_BYTES)}`)).not.toThrow()
    expect(() => p(`/${'a'.repeat(MAX_SEGMENT_BYTES + 1)}`)).toThrow(badPath)
    // e and an accent: 3 bytes as typed, 2 in NFC.
    expect(() => p(`/${'e\u0301'.repeat(127)}`)).not.toThrow()
    // One character of 4 bytes that NFC takes apart into 12.
    expect(() => p(`/${'\u{1d160}'.repeat(22)}`)).toThrow(badPath)
    expect(() => p(`/${'\u{1d160}'.repeat(21)}`)).not.toThrow()
  })

  it(`has at most ${MAX_PATH_SEGMENTS} segments, the scope's included`, () => {
    expect(() => p('/a'.repeat(MAX_PATH_SEGMENTS))).not.toThrow()
    expect(() => p('/a'.repeat(MAX_PATH_SEGMENTS + 1))).toThrow(badPath)
    expect(() => resolvePath(p('/a'.repeat(MAX_PATH_SEGMENTS)), 'a')).toThrow(badPath)
  })

  it('has one form: parsing it again changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          const path = p(`/${text}`)
          expect(p(path)).toBe(path)
        } catch (error) {
          expect(error).toEqual(badPath)
        }
      }),
      { numRuns: 3000 }
    )
  })

  it('is never quoted in an error', () => {
    for (const text of ['secret', '/secret/../secret', '/secret\u0000']) {
      expect(() => p(text)).not.toThrow(/secret/)
    }
  })
})

describe('scopes', () => {
  it('hold what lies below them segment by segment, never by the start of a name', () => {
    expect(isWithin(p('/acme/web'), p('/acme/web'))).toBe(true)
    expect(isWithin(p('/acme/web/api'), p('/acme/web'))).toBe(true)
    expect(isWithin(p('/acme/website'), p('/acme/web'))).toBe(false)
    expect(isWithin(p('/acme'), p('/acme/web'))).toBe(false)
    expect(isWithin(p('/anything'), ROOT)).toBe(true)
  })

  it('resolve names below themselves and refuse what is outside', () => {
    const scope = p('/acme/web')
    expect(resolvePath(scope, 'config/timeout')).toBe('/acme/web/config/timeout')
    expect(resolvePath(scope, '/acme/web/config')).toBe('/acme/web/config')
    expect(resolvePath(ROOT, 'a')).toBe('/a')
    for (const text of [
      '',
      '..',
      '../other',
      'a/../../b',
      '/acme/website',
      '/acme',
      '/',
      './a',
      'a/',
      '/acme/web/../x'
    ]) {
      expect(() => resolvePath(scope, text), text).toThrow(badPath)
    }
  })

  it('take apart and put together the same path', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        expect(parsePath(`/${segmentsOf(path).join('/')}`)).toBe(path)
        expect(resolvePath(parentOf(path), nameOf(path))).toBe(path)
        expect(resolvePath(ROOT, relativeTo(path, ROOT))).toBe(path)
      })
    )
  })
})

describe('tokens', () => {
  const key = filled(7, 32)
  const tokens = new PathTokens(key)

  /** The definition, written out again. */
  function slowTokens(segments: readonly string[]): string {
    let chain: Uint8Array = key
    let kappa = ''
    for (const segment of segments) {
      const mac = (label: number): Buffer =>
        createHmac('sha256', chain)
          .update(Buffer.from([label]))
          .update(segment, 'utf8')
          .digest()
      kappa += mac(0).toString('hex').slice(0, 32)
      chain = mac(1)
    }
    return kappa
  }

  it('are the chain of keyed hashes that the protocol defines', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        expect(toHex(tokens.of(path))).toBe(slowTokens(segmentsOf(path)))
      })
    )
  })

  it('of a scope are the start of those of what lies below, and of nothing beside it', () => {
    const scope = toHex(tokens.of(p('/acme/web')))
    expect(toHex(tokens.of(p('/acme/web/api'))).startsWith(scope)).toBe(true)
    expect(toHex(tokens.of(p('/acme/website'))).startsWith(scope)).toBe(false)
    expect(tokens.of(ROOT)).toHaveLength(0)
  })

  it('of one name differ below different scopes, and under different keys', () => {
    const last = (path: string, from = tokens): string => toHex(from.of(p(path))).slice(-32)
    expect(last('/a/name')).not.toBe(last('/b/name'))
    expect(last('/a/name')).not.toBe(last('/a/name', new PathTokens(filled(8, 32))))
  })

  it('stay the same when the cache of prefixes starts over', () => {
    const fresh = new PathTokens(key)
    const before = toHex(fresh.of(p('/acme/web/api')))
    for (let i = 0; i < 5000; i++) fresh.of(p(`/acme/web/${i}`))
    expect(toHex(fresh.of(p('/acme/web/api')))).toBe(before)
  })
})
