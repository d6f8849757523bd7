import type { ShownConflict } from 'cis-memory/session'
import type { Invocation } from '../invocation.ts'
import type { Draft } from '../merge/draft.ts'
import { foldRows, isChangedRow, linesOfParts, type Row } from '../render/rows.ts'
import { alone } from '../render/side-by-side.ts'
import { diffTexts } from '../render/word-diff.ts'
import { editUntilUsable, type Made } from './edit.ts'
import type { Keys } from './keys.ts'

/** Shows what a merge would come to, and asks whether it is right. */
export async function previewMerge(
  cli: Invocation,
  keys: Keys,
  shown: ShownConflict,
  draft: Draft
): Promise<Made | undefined> {
  const { output } = cli
  const { merged, base = '' } = draft
  if (merged === undefined) return undefined
  const rows = linesOfParts(await diffTexts(base, merged.text)).map((line): Row => [[line]])
  const lines = foldRows(rows, isChangedRow).flat(2)
  const head = { title: 'merged', about: ['what each changed since "before"'] }
  const style = { cells: output.columns, marking: 'inline', colors: output.dataColors } as const
  for (const line of alone(head, lines, style)) await output.line(line)
  await output.line('Press Enter to take it, e to edit it, or any other key to go back.')
  const key = await keys.next()
  if (key === 'enter') return { choice: merged.choice, said: 'merged what each changed' }
  return key === 'e' ? editUntilUsable(cli, keys, shown, draft) : undefined
}
