import type { Colors } from '../output.ts'
import type { Line } from './rows.ts'
import { printableLine } from './terminal-text.ts'
import type { TextPart } from './word-diff.ts'
import { lineBreaks } from './wrap.ts'

/**
 * How differences are marked: `sides` by colour where there is one, since each text stands on its own; `inline` always
 * with brackets too, since what is gone and what is new stand in one text.
 */
export type Marking = 'sides' | 'inline'

const BRACKETS = { removed: ['[-', '-]'], added: ['{+', '+}'] } as const
/** A terminal jumps to a column of its own for a tab, which moves whatever stands beside it. */
const TAB = '    '

/** A line as a terminal shows it, in as many lines as the width takes. */
export function paintLine(line: Line, width: number, marking: Marking, colors: Colors): string[] {
  const shown = line.map((part) => ({ ...part, text: shownText(part, marking, colors) }))
  const whole = shown.map(({ text }) => text).join('')
  return lineBreaks(whole, width).map(([start, end]) => {
    let at = 0
    return shown
      .map(({ text, change }) => {
        const piece = text.slice(Math.max(0, start - at), Math.max(0, end - at))
        at += text.length
        return piece === '' ? '' : paint(change, colors)(piece)
      })
      .join('')
  })
}

/** Safe text; in a difference, white space that is all of it is made visible. */
function shownText({ text, change }: TextPart, marking: Marking, colors: Colors): string {
  if (change === 'note') return text
  if (change === 'none') return printableLine(text.replaceAll('\t', TAB))
  const isBlank = text.trim() === ''
  const safe = printableLine(
    isBlank ? text.replaceAll('\t', '→').replaceAll(' ', '·') : text.replaceAll('\t', TAB)
  )
  if (marking === 'sides' && colors.isColorSupported) return safe
  const [open, close] = BRACKETS[change]
  return `${open}${safe}${close}`
}

function paint(change: TextPart['change'], colors: Colors): (text: string) => string {
  switch (change) {
    case 'none':
      return String
    case 'note':
      return colors.dim
    case 'removed':
      return colors.red
    case 'added':
      return colors.green
  }
}
