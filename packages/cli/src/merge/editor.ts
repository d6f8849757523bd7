import type { Host } from '../host.ts'
import { decodeText } from '../value-input.ts'
import type { Draft, Edited } from './draft.ts'
import { PrivateFolder } from './private-folder.ts'
import { runProgram } from './run-program.ts'

/** The editor of this user, as a command line. */
export function editorOf({ env }: Host): string {
  return env.VISUAL || env.EDITOR || (process.platform === 'win32' ? 'notepad' : 'vi')
}

/**
 * Lets the user's editor work on a draft.
 *
 * @param start what to begin with: the draft's own start, or how far an edit had come before
 * @throws {CliError} `CLI_EDIT_FAILED` when the editor fails, `CLI_USAGE` when what it left is not UTF-8
 */
export async function editDraft(
  host: Host,
  name: string,
  draft: Draft,
  start: string = draft.start.text
): Promise<Edited> {
  await using folder = await PrivateFolder.create()
  const file = await folder.write(name, withLastLineEnded(start))
  await runProgram(host, `${editorOf(host)} "$FILE"`, { FILE: file })
  const text = withEndOf(start, decodeText(await folder.read(name)))
  return text === start ? { problem: 'unchanged' } : draft.edited(text, draft.start)
}

/** Editors end the last line, wanted or not. */
export function withLastLineEnded(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

/** An edited text that ends its last line only where the text it comes from did. */
export function withEndOf(original: string, edited: string): string {
  return original.endsWith('\n') ? edited : edited.replace(/\r?\n$/, '')
}
