import type { ContentType, Doc, ID, Item } from 'yjs'
import type { DeviceId } from '../entry/ed25519.ts'
import { ROOT } from '../entry/path.ts'
import { type OpenedEntry, pathName } from '../replica/open-entry.ts'
import type { MergedDocuments } from '../replica/transaction.ts'
import type { Directory } from '../replica/view.ts'
import { loadedYjs, mergeDocuments } from './merge.ts'

type Author = ReturnType<Directory['authorOf']>

/**
 * A key of a map in a document that was set without having seen how another device had set it, or its map. Yjs keeps
 * one of the two values and drops the other.
 */
export interface OverwrittenKey {
  readonly path: string
  /** From the root of the document: a type's name, then keys of maps and places in sequences. */
  readonly keyPath: KeyPath
  readonly kept: OverwrittenSide
  readonly lost: OverwrittenSide
}

type KeyPath = readonly (string | number)[]

export interface OverwrittenSide {
  /** As JSON would have it; bytes as they are. `undefined` where the map itself is gone. */
  readonly value: unknown
  /** The device whose version had it. */
  readonly device: DeviceId
  readonly deviceName: string
}

/** A value under a key. */
interface Setting {
  readonly value: unknown
  /** Names it in every state that has it. */
  readonly id: ID
}

/** What a merge of two states drops. */
export interface Overwrite {
  readonly keyPath: KeyPath
  /** Which of the two states had it. */
  readonly lostBy: 0 | 1
  readonly lost: Setting
  /** What stands under the key now, unless its map is gone. */
  readonly kept: Setting | undefined
}

/** What the keys say that were overwritten as documents came together which nobody had merged before. */
export function overwrittenAmong({ live, arrived }: MergedDocuments, directory: Directory): OverwrittenKey[] {
  const known = live.filter((entry) => !arrived.includes(entry))
  return arrived.flatMap((entry) => {
    const others = known.slice()
    known.push(entry)
    if (others.length === 0) return []
    const authorOf = ({ stored }: OpenedEntry): Author => directory.authorOf(stored.dot.actor)
    return overwrites([mergeDocuments(others.map(stateOf)), stateOf(entry)]).map((overwrite) => {
      const { lostBy, lost, kept } = overwrite
      const named = lostBy === 0 ? lost : kept
      const other =
        others.find((each) => named !== undefined && hasSeen(stateOf(each), named.id)) ?? others[0]
      return overwrittenKey(pathName(live) ?? ROOT, overwrite, [
        authorOf(other as OpenedEntry),
        authorOf(entry)
      ])
    })
  })
}

/** An overwrite with where it happened and whose the two states were. */
export function overwrittenKey(
  path: string,
  { keyPath, lostBy, lost, kept }: Overwrite,
  authors: readonly [Author, Author]
): OverwrittenKey {
  const side = (value: unknown, { device, name }: Author): OverwrittenSide => ({
    value,
    device,
    deviceName: name
  })
  return {
    path,
    keyPath,
    kept: side(kept?.value, authors[1 - lostBy] as Author),
    lost: side(lost.value, authors[lostBy])
  }
}

/** The keys whose values are there in one of two states, were not seen by the other, and are gone once they are merged. */
export function overwrites(states: readonly [Uint8Array, Uint8Array]): Overwrite[] {
  const merged = docOf(...states)
  return ([0, 1] as const).flatMap((lostBy) => {
    const other = states[1 - lostBy] as Uint8Array
    const found: Overwrite[] = []
    visitKeys(docOf(states[lostBy]), (keyPath, item) => {
      if (hasSeen(other, item.lastId) || !isDeleted(merged, item.lastId)) return true
      found.push({ keyPath, lostBy, lost: settingOf(item), kept: keptInstead(merged, item) })
      return false
    })
    return found
  })
}

function stateOf({ alternatives }: OpenedEntry): Uint8Array {
  return alternatives[0]?.value as Uint8Array
}

function docOf(...states: readonly Uint8Array[]): Doc {
  const { applyUpdate, Doc } = loadedYjs()
  const doc = new Doc()
  for (const state of states) applyUpdate(doc, state)
  return doc
}

/** Whether a state has what an id names. */
function hasSeen(state: Uint8Array, { client, clock }: ID): boolean {
  const { decodeStateVector, encodeStateVectorFromUpdate } = loadedYjs()
  return clock < (decodeStateVector(encodeStateVectorFromUpdate(state)).get(client) ?? 0)
}

type AnyType = ContentType['type']

/** Visits every key that has a value, and goes into those values for which the visitor says so. */
function visitKeys(doc: Doc, visit: (keyPath: KeyPath, item: Item) => boolean): void {
  const { ContentType } = loadedYjs()
  const visitType = (type: AnyType, at: KeyPath): void => {
    const enter = (item: Item, keyPath: KeyPath): void => {
      if (item.content instanceof ContentType) visitType(item.content.type, keyPath)
    }
    for (const [key, item] of type._map) {
      if (!item.deleted && visit([...at, key], item)) enter(item, [...at, key])
    }
    let place = 0
    for (let item = type._start; item !== null; item = item.right) {
      if (item.deleted) continue
      enter(item, [...at, place])
      if (item.countable) place += item.length
    }
  }
  for (const [name, type] of doc.share) visitType(type, [name])
}

function isDeleted({ store }: Doc, id: ID): boolean {
  return loadedYjs().getItem(store, id).deleted
}

/** What stands under the key of an item after a merge, if its map is still there. */
function keptInstead(merged: Doc, { parent, parentSub }: Item): Setting | undefined {
  const type = typeIn(merged, parent as AnyType)
  const current = parentSub === null ? undefined : type?._map.get(parentSub)
  return current === undefined || current.deleted ? undefined : settingOf(current)
}

/** The type in one document that is a given one in another. */
function typeIn(doc: Doc, type: AnyType): AnyType | undefined {
  const { ContentType, findRootTypeKey, getItem } = loadedYjs()
  if (type._item === null) return doc.share.get(findRootTypeKey(type))
  const item: Partial<Item> = getItem(doc.store, type._item.id)
  return item.content instanceof ContentType ? item.content.type : undefined
}

function settingOf({ content, lastId: id }: Item): Setting {
  const { ContentDoc, ContentType } = loadedYjs()
  if (content instanceof ContentType) return { value: content.type.toJSON(), id }
  return { value: content instanceof ContentDoc ? content.doc.guid : content.getContent().at(-1), id }
}
