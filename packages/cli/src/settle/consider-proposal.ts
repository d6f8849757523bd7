import type { CisSession, MergeProposal, ShownConflict } from 'cis-memory/session'
import { codeOf } from '../errors.ts'
import { explain } from '../explain.ts'
import type { Invocation } from '../invocation.ts'
import type { Draft } from '../merge/draft.ts'
import { showProposal } from '../render/conflict.ts'
import { name } from '../render/version.ts'
import { editUntilUsable, type Made } from './edit.ts'
import type { Keys } from './keys.ts'

/**
 * Lets a person look at a merge that was proposed, or have one proposed first, and take it, change it, refuse it or ask
 * for another. `undefined` when it comes to nothing.
 */
export async function considerProposal(
  cli: Invocation,
  session: CisSession,
  keys: Keys,
  shown: ShownConflict,
  draft: Draft | undefined
): Promise<Made | 'refused' | undefined> {
  const { output } = cli
  let proposal = shown.proposal ?? (await propose(cli, session, shown))
  while (proposal !== undefined) {
    await showProposal(cli, shown, proposal)
    const { value, model } = proposal
    const canEdit = draft !== undefined && !(value instanceof Uint8Array)
    await output.line(
      `Press Enter to take it, ${canEdit ? 'e to edit it, ' : ''}${shown.canPropose ? 'n for another, ' : ''}x to refuse it, or any other key to go back.`
    )
    const key = await keys.next()
    if (key === 'enter') return { choice: { keep: 'proposal' }, said: `took the merge of ${name(model)}` }
    if (key === 'e' && canEdit) return editUntilUsable(cli, keys, shown, draft, draft.textOf(value))
    if (key === 'x') {
      await attempt(cli, () =>
        session.call('conflicts.refuse', { id: shown.conflict.id }, { signal: cli.host.signal })
      )
      output.talk('Refused; every version is kept.')
      return 'refused'
    }
    if (key !== 'n' || !shown.canPropose) return undefined
    proposal = await propose(cli, session, shown)
  }
  return undefined
}

async function propose(
  cli: Invocation,
  session: CisSession,
  { conflict: { id } }: ShownConflict
): Promise<MergeProposal | undefined> {
  cli.output.talk('Asking for a merge …')
  return attempt(cli, () => session.call('conflicts.propose', { id }, { signal: cli.host.signal }))
}

/** What fails is told: whoever was asked can choose something else. */
async function attempt<T>(cli: Invocation, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    cli.host.signal.throwIfAborted()
    if (codeOf(error) === undefined) throw error
    cli.output.complain(explain(error).message)
    return undefined
  }
}
