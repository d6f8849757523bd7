/*
 * Keys that wrap the data key of a store.
 *
 *   passphrase   argon2id (RFC 9106) over the NFC form in UTF-8; salt and costs are stored
 *   key file     HKDF-SHA256 (RFC 5869) over 32 random bytes; the salt is stored, so that one file may serve
 *                several stores without giving two of them the same key
 */
import { hkdfSync, randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { StoreError, wrongKey } from '../errors.ts'
import { createFile, errorCode, makeDirectories, syncDirectory } from './files.ts'

/** What has to be stored, in the clear, to derive a key again. */
export type KeyParameters = Readonly<Record<string, string | number>>

/**
 * Where the key that wraps a store's data key comes from: {@link keyFile}, {@link passphrase}, or one of your
 * own, such as a keychain.
 */
export interface KeySource {
  /** Stored with the wrapped key; opening with a source of another kind is a wrong key. */
  readonly kind: string
  /** A key for a store that has none of this source yet. 32 bytes, which the store wipes after use. */
  create(): Promise<{ readonly key: Uint8Array; readonly parameters: KeyParameters }>
  /** The same key again. */
  derive(parameters: KeyParameters): Promise<Uint8Array>
}

const KEY_BYTES = 32
const SALT_BYTES = 16
const KEY_FILE_LABEL = 'cis/store/key-file/1'

/** The costs of new passphrase keys: OWASP's and RFC 9106's second choice, rounded up in passes. */
const ARGON2_COSTS = { memoryKib: 64 * 1024, passes: 3, lanes: 1 } as const

/** Costs above these are refused: whoever can write to the directory must not exhaust its owner's machine. */
const ARGON2_LIMITS = { memoryKib: 1024 * 1024, passes: 64, lanes: 16 } as const

/**
 * A file of 32 random bytes that only its owner can read. It is made when a store is created with it or changed
 * to it, never while opening one that exists.
 *
 * @throws {StoreError} (from the call that uses it) `STORE_KEY_FILE_MISSING`, `STORE_KEY_FILE_OPEN` when others
 * can read it, `STORE_KEY_FILE_DAMAGED` unless it has 32 bytes.
 */
export function keyFile(path: string): KeySource {
  return {
    kind: 'key-file',
    async create() {
      await makeKeyFile(path)
      const salt = randomBytes(SALT_BYTES)
      return { key: await fileKey(path, salt), parameters: { salt: salt.toString('base64') } }
    },
    async derive(parameters) {
      return fileKey(path, saltOf(parameters))
    }
  }
}

/**
 * A passphrase, or a function that asks for it; the function is called once per opening. The key is derived with
 * argon2id over 64 MiB in 3 passes, about a quarter of a second.
 *
 * @throws {RangeError} (from the call that uses it) when a passphrase for a new key is empty.
 */
export function passphrase(text: string | (() => string | Promise<string>)): KeySource {
  const ask = async (): Promise<string> => (typeof text === 'string' ? text : await text())
  return {
    kind: 'passphrase',
    async create() {
      const words = await ask()
      if (words === '') throw new RangeError('expected a passphrase, got an empty one')
      const salt = randomBytes(SALT_BYTES)
      const key = await stretch(words, salt, ARGON2_COSTS)
      return { key, parameters: { salt: salt.toString('base64'), ...ARGON2_COSTS } }
    },
    async derive(parameters) {
      const costs = costsOf(parameters)
      const salt = saltOf(parameters)
      const words = await ask()
      if (words === '') throw wrongKey('an empty passphrase does not open this store')
      return stretch(words, salt, costs)
    }
  }
}

type Argon2Costs = Record<keyof typeof ARGON2_COSTS, number>

async function stretch(words: string, salt: Uint8Array, costs: Argon2Costs): Promise<Uint8Array> {
  // It takes longer to load than a store with a key file takes to open.
  const { argon2id } = await import('hash-wasm')
  return argon2id({
    password: words.normalize('NFC'),
    salt,
    memorySize: costs.memoryKib,
    iterations: costs.passes,
    parallelism: costs.lanes,
    hashLength: KEY_BYTES,
    outputType: 'binary'
  })
}

async function fileKey(path: string, salt: Uint8Array): Promise<Uint8Array> {
  const bytes = await readKeyFile(path)
  const key = new Uint8Array(hkdfSync('sha256', bytes, salt, KEY_FILE_LABEL, KEY_BYTES))
  bytes.fill(0)
  return key
}

async function makeKeyFile(path: string): Promise<void> {
  try {
    const made = await makeDirectories(dirname(resolve(path)))
    if (made !== undefined) await syncDirectory(dirname(made))
    await createFile(path, randomBytes(KEY_BYTES))
  } catch (cause) {
    throw new StoreError(
      'STORE_NOT_WRITABLE',
      `the key file cannot be made (${errorCode(cause)}); the store is unchanged; choose another place for it`,
      { cause }
    )
  }
}

async function readKeyFile(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r')
    try {
      const { mode, size } = await file.stat()
      if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
        throw new StoreError(
          'STORE_KEY_FILE_OPEN',
          'other users can read the key file, so it was not used; nothing was changed; allow its owner alone (chmod 600), and change the key if someone may have read it'
        )
      }
      if (size !== KEY_BYTES) {
        throw new StoreError(
          'STORE_KEY_FILE_DAMAGED',
          `the key file has ${size} bytes instead of ${KEY_BYTES}; nothing was changed; restore it from a backup`
        )
      }
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw new StoreError(
      'STORE_KEY_FILE_MISSING',
      `the key file ${errorCode(error) === 'ENOENT' ? 'is not there' : 'cannot be read'}; the store is unchanged and cannot be read without it; bring the file back, a new one would not fit`,
      { cause: error }
    )
  }
}

function saltOf(parameters: KeyParameters): Uint8Array {
  const salt = Buffer.from(String(parameters.salt), 'base64')
  if (salt.length !== SALT_BYTES) throw damagedParameters()
  return salt
}

function costsOf(parameters: KeyParameters): Argon2Costs {
  const { memoryKib, passes, lanes } = parameters
  const costs = { memoryKib, passes, lanes }
  for (const name of ['memoryKib', 'passes', 'lanes'] as const) {
    const cost = costs[name]
    if (!Number.isSafeInteger(cost) || Number(cost) < 1 || Number(cost) > ARGON2_LIMITS[name]) {
      throw damagedParameters()
    }
  }
  return costs as Argon2Costs
}

function damagedParameters(): StoreError {
  return new StoreError(
    'STORE_DAMAGED',
    'the parameters of the store key are damaged; nothing was changed; restore store.json from a backup'
  )
}
