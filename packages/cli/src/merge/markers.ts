import { type Merge, mergedText, type Region } from './three-way.ts'

/** A text to start an edit from. */
export interface EditStart {
  readonly text: string
  /** Lines that ask for a decision; an edit that leaves one of them is not finished. */
  readonly markers: ReadonlySet<string>
}

const BEFORE = '||||||| before\n'
const BETWEEN = '=======\n'

/**
 * A merge as a text, with what is left to decide between the marks that editors know from git. A third text and those
 * after it each come after a mark of their own.
 */
export function editStart(merge: Merge, names: readonly string[]): EditStart {
  const content = new Set(merge.regions.flatMap(linesIn))
  const markers = new Set<string>()
  const mark = (line: string): string => {
    // A heading in Markdown may be underlined with the very same signs.
    if (!content.has(line.trimEnd())) markers.add(line.trimEnd())
    return line
  }
  const regions = merge.regions.map((region) => {
    if ('lines' in region) return region
    const last = region.variants.length - 1
    const lines = region.variants.flatMap((variant, at) => {
      const name = names[at] ?? String(at + 1)
      const between = at === last ? BETWEEN : `======= ${name}\n`
      const opening = at === 0 ? `<<<<<<< ${name}\n` : between
      const before = at === 0 && region.before !== undefined ? [mark(BEFORE), ...region.before] : []
      const closing = at === last ? [mark(`>>>>>>> ${name}\n`)] : []
      return [mark(opening), ...variant, ...before, ...closing]
    })
    return { lines }
  })
  return { text: mergedText({ ...merge, regions }) ?? '', markers }
}

/** Whether an edited text still asks for a decision. */
export function hasMarkers(text: string, markers: EditStart['markers']): boolean {
  return markers.size > 0 && text.split('\n').some((line) => markers.has(line.trimEnd()))
}

function linesIn(region: Region): string[] {
  const lines = 'lines' in region ? region.lines : [...region.variants.flat(), ...(region.before ?? [])]
  return lines.map((line) => line.trimEnd())
}
