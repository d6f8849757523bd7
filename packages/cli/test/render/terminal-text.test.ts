import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clip, printableJson, printableLine, printableText } from '../../src/render/terminal-text.ts'

/** What ECMA-48 terminals act on, beside line feeds and tabs, and what reorders text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal acts on
const ACTIVE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

describe('printable text', () => {
  it.each([
    ['a clear screen', '\u001b[2J', '␛[2J'],
    ['a window title', '\u001b]0;owned\u0007', '␛]0;owned␇'],
    ['an 8-bit control sequence', '\u009b31m', '<U+009B>31m'],
    ['a carriage return over what was printed', 'safe\rEVIL', 'safe␍EVIL'],
    ['a backspace', 'a\bb', 'a␈b'],
    ['a direction override', '\u202eevil', '<U+202E>evil'],
    ['an isolate', '\u2066x\u2069', '<U+2066>x<U+2069>'],
    ['a delete', '\u007f', '␡']
  ])('pictures %s', (_, text, shown) => {
    expect(printableText(text)).toBe(shown)
  })

  it('keeps lines, tabs, other scripts and emoji', () => {
    const text = 'one\n\ttwo 天気 עברית 👩‍👩‍👧'
    expect(printableText(text)).toBe(text)
    expect(printableText('a\r\nb')).toBe('a\nb')
  })

  it('fits a line or a cell on one line', () => {
    expect(printableLine('a\nb\tc')).toBe('a␊b␉c')
  })

  it('leaves nothing a terminal acts on in any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = [printableText(text), printableLine(text), printableJson({ text })]
        return !shown.some((each) => ACTIVE.test(each)) && !/[\n\t]/.test(printableLine(text))
      })
    )
  })

  it('prints JSON that is the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(printableJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      })
    )
  })

  it('clips between graphemes', () => {
    expect(clip('abcdef', 4)).toBe('abc…')
    expect(clip('abcd', 4)).toBe('abcd')
    expect(clip('👩‍👩‍👧👩‍👩‍👧', 10)).toBe('👩‍👩‍👧…')
  })
})
