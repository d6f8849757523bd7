/*
 * What of a Markdown file becomes which memory. Only as much of CommonMark is read as it takes to tell a heading
 * from what looks like one: fenced code, HTML comments and front matter hide theirs.
 */
import { MAX_SLUG_BYTES } from '../limits.ts'
import type { ImportItem } from '../operations/contract.ts'

/** A Markdown file as an import reads it. */
export interface MarkdownFile {
  /** Relative to what is imported, with `/` between folders: `docs/setup.md`. */
  readonly name: string
  readonly text: string
}

interface Section {
  /** `undefined` before the first heading. */
  readonly heading: string | undefined
  readonly text: string
}

/**
 * Plans one memory a heading, named `<file>/<heading>`, and one named `<file>` for what stands before the first.
 * The text of a memory is what stands in the file, its heading included, line ends as `\n`. Headings without text
 * of their own and front matter are left out. A name that is taken gets a number: `usage`, `usage-2`. They come in the
 * order of the files and their headings.
 */
export function planMarkdown(files: readonly MarkdownFile[]): readonly ImportItem[] {
  const items: ImportItem[] = []
  const taken = new Set<string>()
  /** The last number that a name got. */
  const numbers = new Map<string, number>()
  for (const { name, text } of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = name
      .replace(/\.(?:md|mdx|markdown)$/iu, '')
      .split('/')
      .map((segment) => slugOf(segment, 'file'))
      .join('/')
    for (const section of sectionsOf(text)) {
      const wanted = section.heading === undefined ? file : `${file}/${slugOf(section.heading, 'section')}`
      let path = wanted
      while (taken.has(path)) {
        const number = (numbers.get(wanted) ?? 1) + 1
        numbers.set(wanted, number)
        path = `${wanted}-${number}`
      }
      taken.add(path)
      items.push({ path, value: section.text, contentType: 'text/markdown' })
    }
  }
  return items
}

/**
 * A name made of a title: letters and digits of any script, the rest as single hyphens.
 *
 * @param fallback what a title without letters and digits is called
 */
function slugOf(title: string, fallback: string): string {
  const plain = title
    .replace(/!?\[([^[\]]*)\]\([^()]*\)/gu, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '-')
    .normalize('NFC')
  const slug = truncate(plain.replace(/^-+|-+$/gu, ''), MAX_SLUG_BYTES).replace(/-+$/u, '')
  return slug === '' ? fallback : slug
}

/** The longest start of a text that has at most so many bytes and cuts no character. */
function truncate(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text
  let cut = ''
  let bytes = 0
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    bytes += Buffer.byteLength(segment)
    if (bytes > maxBytes) break
    cut += segment
  }
  return cut
}

function sectionsOf(text: string): readonly Section[] {
  const lines = withoutFrontMatter(text.replace(/^\ufeff/u, '').split(/\r\n|\r|\n/u))
  const sections: Section[] = []
  let heading: string | undefined
  let body: string[] = []
  let hasText = false
  const finish = (): void => {
    if (hasText) sections.push({ heading, text: trimBlankLines(body) })
  }
  let hidden: ((line: string) => boolean) | undefined
  for (const [index, line] of lines.entries()) {
    const next = lines[index + 1]
    const title: string | undefined =
      hidden === undefined ? (atxHeading(line) ?? setextHeading(lines[index - 1], line, next)) : undefined
    if (title !== undefined) {
      finish()
      heading = title
      body = [line]
      hasText = false
      continue
    }
    body.push(line)
    if (line.trim() !== '' && !(body.length === 2 && heading !== undefined && isUnderline(line)))
      hasText = true
    if (hidden !== undefined) {
      if (hidden(line)) hidden = undefined
    } else hidden = hidingFrom(line)
  }
  finish()
  return sections
}

/** YAML between two lines of three hyphens at the very start. */
function withoutFrontMatter(lines: readonly string[]): readonly string[] {
  if (lines[0]?.trimEnd() !== '---') return lines
  const end = lines.findIndex((line, index) => index > 0 && /^(?:---|\.\.\.)\s*$/u.test(line))
  return end === -1 ? lines : lines.slice(end + 1)
}

/** CommonMark 4.2. */
function atxHeading(line: string): string | undefined {
  const match = /^ {0,3}#{1,6}(?:[ \t]+(.*))?$/su.exec(line)
  if (match === null) return undefined
  const title = (match[1] ?? '').trim()
  let end = title.length
  while (title[end - 1] === '#') end--
  const isClosing = end === 0 || /[ \t]/u.test(title[end - 1] as string)
  return isClosing ? title.slice(0, end).trim() : title
}

/**
 * CommonMark 4.3, for titles of one line: longer ones are rare, and a paragraph above a rule is common.
 */
function setextHeading(
  previous: string | undefined,
  line: string,
  next: string | undefined
): string | undefined {
  if (next === undefined || !isUnderline(next)) return undefined
  if (previous !== undefined && previous.trim() !== '' && atxHeading(previous) === undefined) return undefined
  return /^ {0,3}(?![>*+#|<-]|\d+[.)]|`{3}|~{3})\S/u.test(line) ? line.trim() : undefined
}

function isUnderline(line: string): boolean {
  return /^ {0,3}(?:=+|-{2,})[ \t]*$/u.test(line)
}

/** When a line opens what hides headings: the test of the line that closes it. */
function hidingFrom(line: string): ((line: string) => boolean) | undefined {
  const fence = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/u.exec(line)?.[1]
  if (fence !== undefined) {
    // CommonMark 4.5: the same character, at least as often, and nothing behind it.
    return (later) => {
      const closing = /^ {0,3}(`+|~+)[ \t]*$/u.exec(later)?.[1] ?? ''
      return closing[0] === fence[0] && closing.length >= fence.length
    }
  }
  const comment = /^ {0,3}<!--/u.exec(line)
  if (comment !== null && !line.includes('-->', comment[0].length)) return (later) => later.includes('-->')
  return undefined
}

function trimBlankLines(lines: readonly string[]): string {
  return lines
    .join('\n')
    .replace(/^(?:[ \t]*\n)+/u, '')
    .trimEnd()
}
