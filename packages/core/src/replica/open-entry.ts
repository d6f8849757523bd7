import type { SealingKey } from '@cis-memory/store'
import type { Opened } from '../conflict/detect.ts'
import { isDocumentState } from '../documents/merge.ts'
import { equalBytes } from '../entry/bytes.ts'
import { type Header, payloadContext } from '../entry/header.ts'
import type { Path, PathTokens } from '../entry/path.ts'
import { decodePayload, openPayload, type Payload, sealPayload } from '../entry/payload.ts'
import type { KeyId } from '../entry/space-keys.ts'
import { CoreError } from '../errors.ts'
import type { Domain } from '../versions.ts'
import type { StoredEntry } from './stored-entry.ts'

/** A stored entry with what it says, as far as the keys here open it. */
export interface OpenedEntry extends Opened {
  readonly stored: StoredEntry
  readonly payload: Payload | undefined
  /** How long the payload is when it is neither sealed nor compressed; 0 when it cannot be opened. */
  readonly payloadBytes: number
}

/** How one domain names and seals. */
export interface DomainCodec {
  readonly domain: Domain
  readonly tokens: PathTokens
  /** Names the key that {@link seal} uses. */
  readonly keyId: KeyId
  seal(payload: Uint8Array, associatedData: Uint8Array, random: Uint8Array): Uint8Array
  /** @throws {CoreError} `CORE_MALFORMED` */
  unseal(header: Header, cipher: Uint8Array): Uint8Array
}

/** The public domain: payloads are sealed by their author under the space's content key. */
export function publicCodec(
  tokens: PathTokens,
  keyId: KeyId,
  key: SealingKey,
  options: { readonly compression?: boolean } = {}
): DomainCodec {
  return {
    domain: 'public',
    tokens,
    keyId,
    seal: (payload, associatedData, random) => sealPayload(key, payload, associatedData, random, options),
    unseal: (header, cipher) => {
      if (header.keyId !== keyId)
        throw new CoreError('CORE_MALFORMED', 'this payload is sealed with another key')
      return openPayload(key, cipher, payloadContext(header))
    }
  }
}

/** The private domain: its rows are sealed by the store, so that a payload needs no seal of its own. */
export function privateCodec(tokens: PathTokens, keyId: KeyId): DomainCodec {
  return {
    domain: 'private',
    tokens,
    keyId,
    seal: (payload) => payload,
    unseal: (_header, cipher) => cipher
  }
}

/** Opens an entry. What cannot be opened or contradicts its header has no payload; it is never skipped. */
export async function openEntry(codec: DomainCodec, stored: StoredEntry): Promise<OpenedEntry> {
  const { payload, payloadBytes } = await readPayload(codec, stored)
  return openedEntry(stored, payload, payloadBytes)
}

/** Opens several entries, in their order. */
export async function openEntries(
  codec: DomainCodec,
  stored: readonly StoredEntry[]
): Promise<OpenedEntry[]> {
  const opened: OpenedEntry[] = []
  for (const entry of stored) opened.push(await openEntry(codec, entry))
  return opened
}

/** An entry with what it is known to say. */
export function openedEntry(
  stored: StoredEntry,
  payload: Payload | undefined,
  payloadBytes: number
): OpenedEntry {
  const { id, dot } = stored.header
  return {
    stored,
    payload,
    payloadBytes,
    entryId: id,
    dot: `${dot.actor}:${dot.n}`,
    alternatives: payload?.alternatives ?? []
  }
}

const UNREADABLE = { payload: undefined, payloadBytes: 0 }

async function readPayload(
  codec: DomainCodec,
  { header, cipher }: StoredEntry
): Promise<Pick<OpenedEntry, 'payload' | 'payloadBytes'>> {
  try {
    const bytes = codec.unseal(header, cipher)
    const payload = decodePayload(bytes)
    if (!(await matchesHeader(codec, payload, header))) return UNREADABLE
    return { payload, payloadBytes: bytes.length }
  } catch (error) {
    if (error instanceof CoreError) return UNREADABLE
    throw error
  }
}

async function matchesHeader(codec: DomainCodec, payload: Payload, header: Header): Promise<boolean> {
  if (!equalBytes(codec.tokens.of(payload.path), header.path)) return false
  for (const { kind, value } of payload.alternatives) {
    if (kind === 'document' && !(await isDocumentState(value as Uint8Array))) return false
  }
  const [only, ...others] = payload.alternatives
  if (header.type === 'put') return true
  const expected = header.type === 'delete' ? 'deleted' : 'document'
  return others.length === 0 && only?.kind === expected
}

/** The name of a path, when any of its live versions tells. */
export function pathName(live: readonly OpenedEntry[]): Path | undefined {
  return live.find((entry) => entry.payload !== undefined)?.payload?.path
}
