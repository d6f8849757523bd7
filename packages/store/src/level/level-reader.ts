import type { AbstractIterator, AbstractSnapshot } from 'abstract-level'
import { closedError, StoreError } from '../errors.ts'
import { checkRange } from '../range.ts'
import type { Row, RowRange, RowReader, RowSnapshot } from '../store.ts'
import { errorCode } from './files.ts'
import { corruptRow, prefixed, unprefixed } from './row-sealer.ts'
import type { SealedLevel } from './sealed-level.ts'

/** Rows of the first page of a range: most ranges are short, and every row of a page is opened. */
const FIRST_PAGE_ROWS = 32
const PAGE_ROWS = 256
/** Bytes after which LevelDB ends a page early. */
const MAX_PAGE_BYTES: number = 256 * 1024

/** Where rows come from. */
export interface RowSource {
  readonly level: SealedLevel
  /** Throws once the store refuses new work. */
  assertOpen(): void
}

/** Reads the rows of one partition, now or as a snapshot has them. */
export class LevelReader implements RowReader {
  readonly #source: RowSource
  readonly #partition: number
  readonly #options: { readonly snapshot?: AbstractSnapshot }

  constructor(source: RowSource, partition: number, snapshot?: AbstractSnapshot) {
    this.#source = source
    this.#partition = partition
    this.#options = snapshot === undefined ? {} : { snapshot }
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#source.assertOpen()
    const levelKey = prefixed(this.#partition, key)
    try {
      // LevelDB answers from memory or one disk read; handing that to a thread costs more than doing it here.
      return this.#source.level.getSync(levelKey, {
        ...this.#options,
        keyEncoding: 'view',
        valueEncoding: 'view'
      })
    } catch (error) {
      throw this.#toReadError(error, levelKey)
    }
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.#source.assertOpen()
    const levelKeys = keys.map((key) => prefixed(this.#partition, key))
    try {
      return await this.#source.level.getMany(levelKeys, { ...this.#options })
    } catch (error) {
      throw this.#toReadError(error)
    }
  }

  async *range(range: RowRange): AsyncIterableIterator<Row> {
    for await (const [key, value] of this.#entries(range, true)) yield { key: unprefixed(key), value }
  }

  async *keys(range: RowRange): AsyncIterableIterator<Uint8Array> {
    for await (const [key] of this.#entries(range, false)) yield unprefixed(key)
  }

  async *#entries(range: RowRange, hasValues: boolean): AsyncIterableIterator<[Uint8Array, Uint8Array]> {
    const iterator = this.#iterator(range, hasValues)
    try {
      let pageRows = FIRST_PAGE_ROWS
      while (true) {
        const page = await iterator.nextv(pageRows)
        if (page.length === 0) return
        for (const entry of page) {
          yield entry
          // A page read before the store was closed would otherwise be handed out after.
          this.#source.assertOpen()
        }
        pageRows = PAGE_ROWS
      }
    } catch (error) {
      throw this.#toReadError(error)
    } finally {
      await iterator.close()
    }
  }

  #iterator(range: RowRange, hasValues: boolean): AbstractIterator<SealedLevel, Uint8Array, Uint8Array> {
    this.#source.assertOpen()
    const { gte, lt, reverse, limit } = checkRange(range)
    const options = {
      gte: prefixed(this.#partition, gte),
      lt: prefixed(this.#partition, lt),
      reverse,
      limit: limit === Number.POSITIVE_INFINITY ? -1 : limit,
      values: hasValues,
      highWaterMarkBytes: MAX_PAGE_BYTES,
      ...this.#options
    }
    try {
      return this.#source.level.iterator<Uint8Array, Uint8Array>(options)
    } catch (error) {
      throw this.#toReadError(error)
    }
  }

  #toReadError(error: unknown, levelKey?: Uint8Array): unknown {
    const code = errorCode(error)
    if (code === 'LEVEL_SNAPSHOT_NOT_OPEN') {
      return closedError(this.#source.level.status === 'open' ? 'snapshot' : 'store', { cause: error })
    }
    if (code === 'LEVEL_DATABASE_NOT_OPEN' || code === 'LEVEL_ITERATOR_NOT_OPEN') {
      return closedError('store', { cause: error })
    }
    if (code === 'LEVEL_CORRUPTION' && levelKey !== undefined) return corruptRow(levelKey, { cause: error })
    if (error instanceof StoreError || error instanceof TypeError || error instanceof RangeError) return error
    return new StoreError(
      'STORE_READ_FAILED',
      'the disk did not give the rows; nothing was changed; check the disk, then open the store again',
      { cause: error }
    )
  }
}

/** A view of one partition fixed at a moment. */
export class LevelSnapshot extends LevelReader implements RowSnapshot {
  readonly #snapshot: AbstractSnapshot

  constructor(source: RowSource, partition: number) {
    const snapshot = source.level.snapshot()
    super(source, partition, snapshot)
    this.#snapshot = snapshot
  }

  async close(): Promise<void> {
    await this.#snapshot.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
