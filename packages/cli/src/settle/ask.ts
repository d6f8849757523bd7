import type { CisSession, ShownConflict } from 'cis-memory/session'
import type { Invocation } from '../invocation.ts'
import { draftOf } from '../merge/draft.ts'
import { forReading } from '../render/conflict.ts'
import { considerProposal } from './consider-proposal.ts'
import { editUntilUsable, type Made, toolUntilUsable } from './edit.ts'
import type { Keys } from './keys.ts'
import { previewMerge } from './merge-preview.ts'
import { type Offer, offerLines, offersFor } from './offers.ts'

/** What a person wants done with the conflict that is shown. */
export type Answer =
  | ({ readonly type: 'settle' } & Made)
  | { readonly type: 'undo' | 'skip' | 'quit' }
  /** Look at it anew: what is known about it has changed. */
  | { readonly type: 'again' }

export interface AskOptions {
  /** The merge tool that was asked for. */
  readonly tool: string | undefined
  /** What this person wrote before it turned out that the conflict had changed. */
  readonly written: Made | undefined
  readonly canUndo: boolean
  readonly isOneOfMany: boolean
}

/** Asks a person at the terminal what to do with the conflict that is shown: one key is an answer. */
export async function ask(
  cli: Invocation,
  session: CisSession,
  keys: Keys,
  given: ShownConflict,
  { tool, ...facts }: AskOptions
): Promise<Answer> {
  const { output } = cli
  const shown = forReading(given)
  const draft = await draftOf(shown)
  const offers = offersFor(shown, { draft, ...facts })
  for (;;) {
    for (const line of offerLines(offers, output.columns, output.dataColors)) await output.line(line)
    const { move } = await pressed(keys, offers)
    let settled: Made | 'refused' | undefined
    switch (move.type) {
      case 'settle':
      case 'undo':
      case 'skip':
      case 'quit':
        return move
      case 'help':
        for (const { key, help } of offers) await output.line(`  ${key.padEnd(2)} ${help}`)
        break
      case 'merge':
        if (draft !== undefined) settled = await previewMerge(cli, keys, shown, draft)
        break
      case 'proposal':
        settled = await considerProposal(cli, session, keys, shown, draft)
        break
      case 'edit':
        if (draft !== undefined) settled = await editUntilUsable(cli, keys, shown, draft, facts.written?.text)
        break
      case 'tool':
        if (draft !== undefined) settled = await toolUntilUsable(cli, keys, shown, draft, tool)
        break
    }
    if (settled === 'refused') return { type: 'again' }
    if (settled !== undefined) return { type: 'settle', ...settled }
  }
}

/** The offer whose key is pressed. Numbers of several digits may need Enter. */
async function pressed(keys: Keys, offers: readonly Offer[]): Promise<Offer> {
  let digits = ''
  for (;;) {
    const key = await keys.next()
    if (/^\d$/.test(key)) {
      digits += key
      const fitting = offers.filter((offer) => offer.key.startsWith(digits))
      if (fitting.length === 1 && fitting[0]?.key === digits) return fitting[0]
      if (fitting.length === 0) digits = ''
      continue
    }
    const wanted = key === 'enter' ? digits : key === 'end' ? 'q' : key
    digits = ''
    const offer = offers.find((each) => each.key === wanted)
    if (offer !== undefined) return offer
  }
}
