/*
 * store.json: what must be known before a store can be opened.
 *
 *   { "format": 1, "id": hex, "key": { "kind", "parameters", "wrapped": base64 }, "checksum": hex }
 *
 * `wrapped` is the random 32-byte data key, sealed (../seal.ts) under the key of a KeySource with the associated
 * data "cis/store/data-key/1" ‖ id ‖ format ‖ kind. A new passphrase wraps the same data key again, so changing
 * it takes the same time at any size. The checksum, SHA-256 over the other members as JSON, tells a damaged file
 * from a wrong key; it protects nothing.
 */
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { StoreError, wrongKey } from '../errors.ts'
import { open, SEAL_RANDOM_BYTES, SealingKey, seal } from '../seal.ts'
import { HEADER_FILE, readIfPresent, replaceFile } from './files.ts'
import type { KeyParameters, KeySource } from './keystore.ts'
import { FORMAT_VERSION } from './row-sealer.ts'

const WRAP_LABEL = 'cis/store/data-key/1'

export interface StoreHeader {
  readonly id: Uint8Array
  readonly kind: string
  readonly parameters: KeyParameters
  readonly wrapped: Uint8Array
}

/**
 * The header of the store in a directory, or `undefined` when there is none.
 *
 * @throws {StoreError} `STORE_NEWER_FORMAT`, `STORE_DAMAGED`.
 */
export async function readHeader(directory: string): Promise<StoreHeader | undefined> {
  const bytes = await readIfPresent(join(directory, HEADER_FILE))
  return bytes === undefined ? undefined : parseHeader(bytes.toString())
}

export async function writeHeader(directory: string, header: StoreHeader): Promise<void> {
  const body = {
    format: FORMAT_VERSION,
    id: Buffer.from(header.id).toString('hex'),
    key: {
      kind: header.kind,
      parameters: header.parameters,
      wrapped: Buffer.from(header.wrapped).toString('base64')
    }
  }
  const text = JSON.stringify({ ...body, checksum: checksum(body) }, undefined, 2)
  await replaceFile(join(directory, HEADER_FILE), `${text}\n`)
}

/** The header that keeps a data key under a key that `source` makes for it. */
export async function wrapDataKey(
  id: Uint8Array,
  dataKey: Uint8Array,
  source: KeySource
): Promise<StoreHeader> {
  const { key, parameters } = await source.create()
  const sealingKey = new SealingKey(key)
  key.fill(0)
  const wrapped = seal(sealingKey, dataKey, wrapContext(id, source.kind), randomBytes(SEAL_RANDOM_BYTES))
  sealingKey.wipe()
  return { id, kind: source.kind, parameters, wrapped }
}

/**
 * The data key of a store. The caller wipes it.
 *
 * @throws {StoreError} `STORE_WRONG_KEY`, and what `source` throws.
 */
export async function unwrapDataKey(header: StoreHeader, source: KeySource): Promise<Uint8Array> {
  if (source.kind !== header.kind) {
    throw wrongKey(`this store opens with a key of the kind ${header.kind}, not ${source.kind}`)
  }
  const key = await source.derive(header.parameters)
  const sealingKey = new SealingKey(key)
  key.fill(0)
  const dataKey = open(sealingKey, header.wrapped, wrapContext(header.id, header.kind))
  sealingKey.wipe()
  if (dataKey === undefined) throw wrongKey('this key does not open this store')
  return dataKey
}

function parseHeader(text: string): StoreHeader {
  let file: Record<string, unknown>
  try {
    file = Object(JSON.parse(text))
  } catch (cause) {
    throw damaged(cause)
  }
  const { checksum: given, ...body } = file
  if (typeof body.format === 'number' && body.format > FORMAT_VERSION) {
    throw new StoreError(
      'STORE_NEWER_FORMAT',
      `this store has format ${body.format} and this program knows ${FORMAT_VERSION}; nothing was changed; open it with a newer version of cis`
    )
  }
  if (given !== checksum(body)) throw damaged()
  const { id, key } = body as {
    id: string
    key: { kind: string; parameters: KeyParameters; wrapped: string }
  }
  return {
    id: new Uint8Array(Buffer.from(id, 'hex')),
    kind: key.kind,
    parameters: key.parameters,
    wrapped: Buffer.from(key.wrapped, 'base64')
  }
}

function checksum(body: object): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex')
}

function wrapContext(id: Uint8Array, kind: string): Uint8Array {
  return Buffer.concat([Buffer.from(WRAP_LABEL), id, Uint8Array.of(FORMAT_VERSION), Buffer.from(kind)])
}

function damaged(cause?: unknown): StoreError {
  return new StoreError(
    'STORE_DAMAGED',
    'store.json is damaged; the rows are unchanged and cannot be read without it; restore store.json from a backup',
    { cause }
  )
}
