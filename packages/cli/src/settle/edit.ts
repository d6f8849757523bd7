import type { Choice, ShownConflict } from 'cis-memory/session'
import { CliError } from '../errors.ts'
import type { Invocation } from '../invocation.ts'
import { type Draft, type Edited, fileName } from '../merge/draft.ts'
import { editDraft } from '../merge/editor.ts'
import { findTool, mergeWithTool } from '../merge/tool.ts'
import type { Keys } from './keys.ts'

/** Something to settle a conflict with, and in what words. */
export interface Made {
  readonly choice: Choice
  readonly said: string
  /** What a person wrote for it, which must not be lost when it cannot be stored. */
  readonly text?: string
}

const PROBLEMS: Readonly<Record<Extract<Edited, { problem: unknown }>['problem'], string>> = {
  unchanged: 'The text was left as it was, so nothing was settled.',
  empty: 'Nothing was left of the text, so nothing was settled. To have nothing there, delete it.',
  markers: 'There are lines left to decide (<<<<<<<, =======, >>>>>>>), so nothing was settled.',
  'not JSON': 'It is not JSON, as the versions are, so nothing was settled.'
}

/**
 * Opens the user's editor, and again with what was written when that settles nothing and the user wants to go on.
 * `undefined` when it comes to nothing; the user has been told why.
 *
 * @param keys without them nobody can be asked
 * @param start what to begin with, when that is not the draft's own start
 */
export async function editUntilUsable(
  cli: Invocation,
  keys: Keys | undefined,
  shown: ShownConflict,
  draft: Draft,
  start: string = draft.start.text
): Promise<Made | undefined> {
  const name = nameOf(shown, draft)
  return untilUsable(cli, keys, shown, draft, () => editDraft(cli.host, name, draft, start))
}

/** Opens a merge tool. What it leaves unfinished can be finished in the editor. */
export async function toolUntilUsable(
  cli: Invocation,
  keys: Keys | undefined,
  shown: ShownConflict,
  draft: Draft,
  tool: string | undefined
): Promise<Made | undefined> {
  const name = nameOf(shown, draft)
  return untilUsable(cli, keys, shown, draft, async () =>
    mergeWithTool(cli.host, await findTool(cli.host, tool), name, draft)
  )
}

async function untilUsable(
  cli: Invocation,
  keys: Keys | undefined,
  shown: ShownConflict,
  draft: Draft,
  first: () => Promise<Edited>
): Promise<Made | undefined> {
  let work = first
  for (;;) {
    let edited: Edited
    try {
      edited = await (keys === undefined ? work() : keys.without(work))
    } catch (error) {
      // Whoever was asked can choose something else; everybody else is told by the exit code.
      if (keys === undefined || !(error instanceof CliError)) throw error
      cli.output.complain(error.message)
      return undefined
    }
    if ('choice' in edited) return { ...edited, said: 'edited' }
    cli.output.complain(PROBLEMS[edited.problem])
    if (keys === undefined || !('text' in edited)) return undefined
    const { text } = edited
    await cli.output.line('Press e to go on with it in the editor, or any other key to leave it.')
    if ((await keys.next()) !== 'e') return undefined
    work = () => editDraft(cli.host, nameOf(shown, draft), draft, text)
  }
}

function nameOf({ conflict }: ShownConflict, { ending }: Draft): string {
  return `${fileName(conflict.path)}${ending}`
}
