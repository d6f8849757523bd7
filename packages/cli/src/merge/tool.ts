import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { usageError } from '../errors.ts'
import type { Host } from '../host.ts'
import { quote } from '../invocation.ts'
import { decodeText } from '../value-input.ts'
import type { Draft, Edited } from './draft.ts'
import { withEndOf, withLastLineEnded } from './editor.ts'
import { editStart } from './markers.ts'
import { PrivateFolder } from './private-folder.ts'
import { runProgram } from './run-program.ts'
import { mergeLines } from './three-way.ts'

/** Merge tools by the names git gives them. Each is given $BASE, $LOCAL and $REMOTE, and leaves its answer in $MERGED. */
const TOOLS: Readonly<Record<string, string>> = {
  bc: 'bcompare "$LOCAL" "$REMOTE" "$BASE" -mergeoutput="$MERGED"',
  code: 'code --wait --merge "$LOCAL" "$REMOTE" "$BASE" "$MERGED"',
  kdiff3: 'kdiff3 --auto -o "$MERGED" "$BASE" "$LOCAL" "$REMOTE"',
  meld: 'meld --output "$MERGED" "$LOCAL" "$BASE" "$REMOTE"',
  nvimdiff: 'nvim -f -d -c "4wincmd w" -c "wincmd J" "$LOCAL" "$BASE" "$REMOTE" "$MERGED"',
  opendiff: 'opendiff "$LOCAL" "$REMOTE" -ancestor "$BASE" -merge "$MERGED" | cat',
  p4merge: 'p4merge "$BASE" "$LOCAL" "$REMOTE" "$MERGED"',
  smerge: 'smerge mergetool "$BASE" "$LOCAL" "$REMOTE" -o "$MERGED"',
  vimdiff: 'vim -f -d -c "4wincmd w" -c "wincmd J" "$LOCAL" "$BASE" "$REMOTE" "$MERGED"'
}

/**
 * The command line of a merge tool: one that git knows by this name, a command line as it is, or without a name what
 * this user has told git to use.
 *
 * @throws {CliError} `CLI_USAGE`
 */
export async function findTool(host: Host, given: string | undefined): Promise<string> {
  const name = given ?? (await gitSetting(host, 'merge.tool'))
  if (name === undefined) {
    throw usageError(
      'no merge tool is known: name one with --tool, or tell git: git config --global merge.tool NAME'
    )
  }
  if (/[\s$/\\]/.test(name)) return name
  const command =
    (await gitSetting(host, `mergetool.${name}.cmd`)) ??
    (Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined)
  if (command !== undefined) return command
  const known = Object.keys(TOOLS).join(', ')
  throw usageError(
    `no merge tool is called ${quote(name)}. It is one of ${known}, or a command line with "$BASE", "$LOCAL", "$REMOTE" and "$MERGED" in it`
  )
}

/**
 * Lets a merge tool work on the texts of a draft. A tool merges two: where there are more, its answer is merged with
 * the next.
 *
 * @throws {CliError} `CLI_EDIT_FAILED` when the tool fails, `CLI_USAGE` when what it left is not UTF-8
 */
export async function mergeWithTool(
  host: Host,
  command: string,
  name: string,
  draft: Draft
): Promise<Edited> {
  const [local, ...others] = draft.sides
  let result: Edited = { problem: 'unchanged' }
  let merged = local?.text ?? ''
  for (const { text: remote } of others) {
    const merge = await mergeLines(draft.base, [merged, remote])
    const start =
      merge === undefined ? { text: merged, markers: new Set<string>() } : editStart(merge, SIDE_NAMES)
    const answer = await runTool(host, command, name, {
      BASE: draft.base ?? '',
      LOCAL: merged,
      REMOTE: remote,
      MERGED: start.text
    })
    result = answer === start.text ? { problem: 'unchanged' } : draft.edited(answer, start)
    if ('problem' in result) return result
    merged = answer
  }
  return result
}

const SIDE_NAMES = ['LOCAL', 'REMOTE'] as const

/** What the tool has made of `MERGED`. */
async function runTool(
  host: Host,
  command: string,
  name: string,
  texts: Readonly<Record<'BASE' | 'LOCAL' | 'REMOTE' | 'MERGED', string>>
): Promise<string> {
  await using folder = await PrivateFolder.create()
  const files: Record<string, string> = {}
  for (const [role, text] of Object.entries(texts)) {
    files[role] = await folder.write(`${role}.${name}`, withLastLineEnded(text))
  }
  await runProgram(host, command, files)
  return withEndOf(texts.MERGED, decodeText(await folder.read(`MERGED.${name}`)))
}

/** What this user has told git everywhere. A directory's own settings are not asked: they may be somebody else's. */
async function gitSetting({ env, workingDirectory }: Host, key: string): Promise<string | undefined> {
  try {
    const options = { cwd: workingDirectory, env: env as NodeJS.ProcessEnv }
    const { stdout } = await promisify(execFile)('git', ['config', '--global', '--get', key], options)
    return stdout.trim() || undefined
  } catch {
    return undefined // no git, or nothing set
  }
}
