import type { ShownConflict, Version } from 'cis-memory/session'
import type { Draft } from '../merge/draft.ts'
import type { Colors } from '../output.ts'
import { sideNames } from '../render/conflict.ts'
import { cellWidth } from '../render/table.ts'
import { author } from '../render/version.ts'
import type { Made } from './edit.ts'

/** What pressing a key does to the conflict that is shown. */
export type Move =
  | ({ readonly type: 'settle' } & Made)
  | { readonly type: 'undo' | 'skip' | 'quit' }
  | { readonly type: 'merge' | 'proposal' | 'edit' | 'tool' | 'help' }

export interface Offer {
  /** What is pressed: a character, or a version's number. */
  readonly key: string
  readonly label: string
  /** What it does, in a sentence for whoever asks. */
  readonly help: string
  readonly move: Move
}

export interface OfferFacts {
  readonly draft: Draft | undefined
  /** What a person wrote before it turned out that the conflict had changed. */
  readonly written: Made | undefined
  /** Whether something was settled here that can be taken back. */
  readonly canUndo: boolean
  /** Whether others wait. */
  readonly isOneOfMany: boolean
}

/** What can be done with a conflict, each by one key. What core would refuse is not offered. */
export function offersFor(shown: ShownConflict, facts: OfferFacts): readonly Offer[] {
  const { versions } = shown.conflict
  const { draft, written, canUndo, isOneOfMany } = facts
  const sides = sideNames(versions)
  const offers: Offer[] = []
  const offer = (key: string, label: string, help: string, move: Move): void => {
    offers.push({ key, label, help, move })
  }
  if (written !== undefined)
    offer('w', 'what you wrote', 'settle it with what you wrote before', { type: 'settle', ...written })
  for (const side of ['local', 'remote'] as const) {
    const version = versions[sides.indexOf(side)]
    if (version === undefined || version.kind === 'unreadable') continue
    offer(side.charAt(0), side, `keep what ${author(version)} ${did(version)}`, keeps(version, side))
  }
  for (const [at, version] of versions.entries()) {
    if (version.kind === 'unreadable') continue
    const number = String(at + 1)
    offer(
      number,
      number,
      `keep version ${number}: what ${author(version)} ${did(version)}`,
      keeps(version, `version ${number}`)
    )
  }
  const kept = versions.filter(({ kind }) => kind === 'value' || kind === 'document')
  if (kept.length > 1 && versions.every(({ kind }) => kind !== 'unreadable')) {
    const label = kept.length > 2 ? 'keep all' : 'both'
    const help = 'the latest stays, the others are put beside it under names of their own'
    offer('b', label, help, {
      type: 'settle',
      choice: { keep: 'both' },
      said: `kept ${label === 'both' ? 'both' : 'all'}`
    })
  }
  if (draft?.merged !== undefined)
    offer('m', 'merge', 'take what each changed; nothing of it overlaps', { type: 'merge' })
  if (shown.canPropose || shown.proposal !== undefined)
    offer('a', 'AI merge', 'look at a merge that a model proposes', { type: 'proposal' })
  if (draft !== undefined)
    offer('e', 'edit', 'write the text in your editor, beginning with all of it', { type: 'edit' })
  if (draft !== undefined && draft.sides.length > 1) offer('t', 'tool', 'open a merge tool', { type: 'tool' })
  if (versions.every(({ kind }) => kind !== 'deleted'))
    offer('d', 'delete', 'keep none of them', { type: 'settle', choice: { delete: true }, said: 'deleted' })
  if (canUndo) offer('u', 'undo', 'take back the last one that was settled here', { type: 'undo' })
  if (isOneOfMany) offer('s', 'skip', 'leave this one open and go on', { type: 'skip' })
  offer('q', 'quit', 'leave the rest open', { type: 'quit' })
  offer('?', 'help', 'say what the keys do', { type: 'help' })
  return offers
}

/** The offers on as few lines as the terminal allows. Numbers are one offer, and none beside two words for them. */
export function offerLines(offers: readonly Offer[], columns: number, colors: Colors): string[] {
  const numbers = offers.filter(isNumber)
  const words = offers.filter((offer) => !isNumber(offer))
  const hasBothSides = words.filter(({ label }) => label === 'local' || label === 'remote').length === 2
  const range = { key: numbers.map(({ key }) => key).join(' '), label: 'keep that one' }
  const shown = hasBothSides || numbers.length === 0 ? words : [range, ...words]
  const lines: string[] = []
  for (const { key, label } of shown) {
    const text = `${colors.isColorSupported ? colors.bold(colors.cyan(key)) : `[${key}]`} ${label}`
    const last = lines.at(-1)
    if (last === undefined || cellWidth(last) + 2 + cellWidth(text) > columns) lines.push(text)
    else lines[lines.length - 1] = `${last}  ${text}`
  }
  return lines
}

function isNumber({ key }: Offer): boolean {
  return /^\d+$/.test(key)
}

function did({ kind }: Version): string {
  return kind === 'deleted' ? 'did: delete it' : 'wrote'
}

function keeps({ entryId, index }: Version, said: string): Move {
  return { type: 'settle', choice: { keep: entryId, index }, said: `kept ${said}` }
}
