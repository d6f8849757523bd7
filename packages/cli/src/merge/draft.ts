import type { Choice, MemoryValue, ShownConflict, Version } from 'cis-memory/session'
import { printableLine } from '../render/terminal-text.ts'
import { author } from '../render/version.ts'
import { type EditStart, editStart, hasMarkers } from './markers.ts'
import { type Merge, mergedText, mergeLines } from './three-way.ts'

/** What came back from an editor or a tool: something to settle a conflict with, or why it settles nothing. */
export type Edited =
  | { readonly choice: Choice; readonly text: string }
  | { readonly problem: 'unchanged' | 'empty' }
  | {
      readonly problem: 'markers' | 'not JSON'
      /** As far as the edit had come. */
      readonly text: string
    }

/** One version as a text. */
export interface DraftSide {
  readonly version: Version
  readonly text: string
}

/** The text to settle a conflict with, before anybody has worked on it. */
export interface Draft {
  readonly sides: readonly DraftSide[]
  /** What the sides come from, when that is a text too. */
  readonly base: string | undefined
  readonly start: EditStart
  /** The merge that leaves nothing to decide, when there is one. */
  readonly merged: { readonly choice: Choice; readonly text: string } | undefined
  /** How a file with it should end for an editor to know what it is. */
  readonly ending: string
  /** The choice that an edited text comes to. */
  edited(text: string, start: EditStart): Edited
  /** Another value as a text to go on from. */
  textOf(value: MemoryValue): string
}

/** `undefined` when no version is a text or JSON. */
export async function draftOf({ conflict, ancestor }: ShownConflict): Promise<Draft | undefined> {
  const versions = conflict.versions.filter(isText)
  const [first, ...others] = versions
  if (first === undefined) return undefined
  const isJson = versions.some(({ value }) => typeof value !== 'string')
  const sides = versions.map((version) => ({ version, text: textOf(version, isJson) }))
  const isComparable =
    ancestor !== undefined && isText(ancestor) && (isJson || typeof ancestor.value === 'string')
  const base = isComparable ? textOf(ancestor, isJson) : undefined
  const texts = sides.map(({ text }) => text)
  const names = versions.map((version) => `${conflict.versions.indexOf(version) + 1} ${author(version)}`)
  const merge = others.length === 0 ? undefined : await mergeLines(base, texts)
  // What merges says nothing about a version that is no text.
  const isWhole = versions.length === conflict.versions.length
  const start =
    merge === undefined ? { text: texts.at(-1) ?? '', markers: NOTHING_TO_DECIDE } : editStart(merge, names)
  const contentType = commonType(versions, isJson)
  const edited = (text: string, { markers }: EditStart): Edited => {
    if (hasMarkers(text, markers)) return { problem: 'markers', text }
    if (text.trim() === '') return { problem: 'empty' }
    const value = isJson ? parsed(text) : text
    if (value === undefined) return { problem: 'not JSON', text }
    return { choice: contentType === undefined ? { value } : { value, contentType }, text }
  }
  return {
    sides,
    base,
    start,
    merged: base === undefined || !isWhole ? undefined : merged(merge, edited),
    ending: isJson ? '.json' : (ENDINGS[contentType ?? ''] ?? '.txt'),
    edited,
    textOf: (value) => textOf({ value }, isJson)
  }
}

const NOTHING_TO_DECIDE: ReadonlySet<string> = new Set()

const ENDINGS: Readonly<Record<string, string>> = {
  'application/toml': '.toml',
  'application/yaml': '.yaml',
  'text/css': '.css',
  'text/csv': '.csv',
  'text/html': '.html',
  'text/markdown': '.md'
}

const NAME_CHARACTERS = 40

/** A name for a file with a memory's text that no shell and no disk minds. */
export function fileName(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1).replaceAll(/[^\p{L}\p{N}._-]+/gu, '_')
  return printableLine(name).replace(/^\.+/, '').slice(0, NAME_CHARACTERS) || 'memory'
}

function isText({ kind, value }: Version): boolean {
  return kind === 'value' && value !== undefined && !(value instanceof Uint8Array)
}

function merged(merge: Merge | undefined, edited: Draft['edited']): Draft['merged'] {
  const text = merge === undefined ? undefined : mergedText(merge)
  if (text === undefined) return undefined
  const result = edited(text, { text, markers: NOTHING_TO_DECIDE })
  return 'choice' in result ? result : undefined
}

/** The type that all versions have; what a value has by itself when they differ. */
function commonType(versions: readonly Version[], isJson: boolean): string | undefined {
  const types = new Set(versions.map(({ contentType }) => contentType))
  const [only] = types
  if (types.size === 1) return only
  return isJson ? undefined : 'text/plain'
}

function textOf({ value }: Pick<Version, 'value'>, isJson: boolean): string {
  return isJson ? JSON.stringify(value, undefined, 2) : String(value)
}

function parsed(text: string): MemoryValue | undefined {
  try {
    return JSON.parse(text) as MemoryValue
  } catch {
    return undefined
  }
}
