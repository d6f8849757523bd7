import type { RowChange, RowStore } from '@cis-memory/store'
import type { DeviceKey } from '../entry/ed25519.ts'
import { CoreError } from '../errors.ts'
import { MAX_AUDIT_TRIM_RECORDS } from '../limits.ts'
import type { Runtime } from '../ports/runtime.ts'
import { auditKey, auditSealKey } from '../replica/rows.ts'
import { SerialQueue } from '../replica/serial-queue.ts'
import { WriteFate } from '../replica/write-fate.ts'
import {
  type AuditBody,
  type ChainLink,
  decodeBody,
  encodeAuditRow,
  encodeBody,
  follows,
  nextRow,
  type TimedBody
} from './audit-record.ts'
import { corruptRowOf, readRows, readSeal } from './audit-rows.ts'
import { type AuditSeal, encodeSealRow } from './audit-seal.ts'
import { type AuditVerdict, type VerifyOptions, verifyChain } from './verify-chain.ts'

export interface AuditLogOptions {
  /** The partition that neither sync nor agents reach. */
  readonly rows: RowStore
  readonly key: DeviceKey
  readonly runtime: Runtime
  /** How long records are kept. */
  readonly retentionMs: number
}

/**
 * What this device has let agents see and do: a chain of records that only grows at its end. A record and the seal
 * that covers it are one batch, so that a crash leaves a whole chain.
 */
export class AuditLog {
  readonly #options: AuditLogOptions
  readonly #queue = new SerialQueue()
  readonly #fate = new WriteFate()
  #seal: AuditSeal | undefined
  /** The time of the oldest record, when it is known. */
  #oldestAt: number | undefined
  #isClosed = false

  static {
    Object.freeze(AuditLog.prototype)
    Object.freeze(AuditLog)
  }

  constructor(options: AuditLogOptions) {
    this.#options = options
  }

  /**
   * Adds a record, and lets go of some that are too old.
   *
   * @returns its number, once it is on disk
   * @throws {CoreError} `CORE_AUDIT_DAMAGED`, `CORE_CLOSED`
   */
  async append(body: AuditBody): Promise<number> {
    if (this.#isClosed) throw new CoreError('CORE_CLOSED', 'this memory is closed; open it again')
    return this.#queue.run(async () => {
      this.#fate.check()
      const { rows, key, runtime } = this.#options
      const seal = this.#seal ?? (await this.#startingSeal())
      const at = runtime.now()
      const row = nextRow(seal.head, encodeBody({ ...body, at }))
      const expired = await this.#expired(seal, at)
      const next = { base: expired.at(-1) ?? seal.base, head: linkOf(row), at }
      const changes: RowChange[] = [
        { type: 'put', key: auditKey(row.seq), value: encodeAuditRow(row) },
        { type: 'put', key: auditSealKey(), value: encodeSealRow(key, next) }
      ]
      for (const { seq } of expired) changes.push({ type: 'delete', key: auditKey(seq) })
      await this.#fate.decides(rows.write(changes))
      this.#seal = next
      return row.seq
    })
  }

  /** Every record, latest first. */
  async *records(): AsyncIterableIterator<TimedBody & { readonly seq: number }> {
    for await (const row of readRows(this.#options.rows, 0, 'descending')) {
      yield { ...decodeBody(row.body), seq: row.seq }
    }
  }

  /** Walks the chain as it is now, a page of rows at a time. */
  async verify(options: VerifyOptions): Promise<AuditVerdict> {
    const { rows, key } = this.#options
    await using snapshot = rows.snapshot()
    return await verifyChain(snapshot, key.id, options)
  }

  /** Waits for records on their way, and takes no more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#queue.drained()
  }

  async #startingSeal(): Promise<AuditSeal> {
    const { rows, key } = this.#options
    const seal = await readSeal(rows, key.id)
    if (seal !== undefined) return seal
    throw new CoreError(
      'CORE_AUDIT_DAMAGED',
      'the audit log has lost the seal of this device, so nothing can be added to it. See what is left with ' +
        '`cis audit list`, then restore this store from a backup, or start another and sync it'
    )
  }

  /**
   * The oldest records that are past their age, as many as may go at once. They go only as far as the chain holds:
   * what does not follow, or cannot be read, stays where `verify` finds it.
   */
  async #expired({ base }: AuditSeal, now: number): Promise<readonly ChainLink[]> {
    const before = now - this.#options.retentionMs
    if (this.#oldestAt !== undefined && this.#oldestAt >= before) return []
    this.#oldestAt = undefined
    const expired: ChainLink[] = []
    try {
      for await (const row of readRows(this.#options.rows, base.seq)) {
        if (!follows(row, expired.at(-1) ?? base) || expired.length === MAX_AUDIT_TRIM_RECORDS) break
        const { at } = decodeBody(row.body)
        if (at >= before) {
          this.#oldestAt = at
          break
        }
        expired.push(linkOf(row))
      }
    } catch (error) {
      if (corruptRowOf(error) === undefined) throw error
    }
    return expired
  }
}

/** A row's place, without holding on to what it says. */
function linkOf({ seq, digest }: ChainLink): ChainLink {
  return { seq, digest }
}
