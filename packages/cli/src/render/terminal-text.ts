/*
 * What a peer wrote must not move the cursor, recolour the screen, rename the window or reorder what is read.
 * A terminal acts on C0 and C1 control characters (ECMA-48), and a bidirectional override shows one text while
 * storing another (CVE-2021-42574). They are shown as visible pictures instead, so that the reader knows they
 * are there.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal acts on
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** Text of several lines, safe to print: line feeds and tabs stay, everything a terminal acts on is pictured. */
export function printableText(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(CONTROL, (character) =>
      character === '\n' || character === '\t' ? character : picture(character)
    )
}

/** Text for one line or one table cell, safe to print: line feeds and tabs are pictured as well. */
export function printableLine(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(CONTROL, picture)
}

/** JSON that is the same value and safe to print: what `JSON.stringify` leaves raw is escaped too. */
export function printableJson(value: unknown, indent?: number): string {
  const json = JSON.stringify(value, undefined, indent)
  return json.replace(CONTROL, (character) => (character === '\n' ? character : unicodeEscape(character)))
}

function picture(character: string): string {
  const code = character.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code) // U+2400 SYMBOL FOR NULL and its neighbours
  if (code === 0x7f) return '\u2421'
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Shortens a line to at most this many characters, keeping whole graphemes. */
export function clip(line: string, maxLength: number): string {
  if (line.length <= maxLength) return line
  let kept = ''
  for (const { segment } of graphemes().segment(line)) {
    if (kept.length + segment.length > maxLength - 1) break
    kept += segment
  }
  return `${kept}…`
}

let segmenter: Intl.Segmenter | undefined

function graphemes(): Intl.Segmenter {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  return segmenter
}
