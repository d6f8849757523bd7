import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { commitKey, headKey } from '../../../packages/core/src/replica/rows.ts'
import { decodeCommitRow } from '../../../packages/core/src/replica/signed-row.ts'
import type { Batch } from '../../../packages/core/src/sync/batch.ts'
import { decodeMessage } from '../../../packages/core/src/sync/messages.ts'
import type { SimulatedDevice } from './device.ts'
import { CANARY, PRIVATE_MARK } from './places.ts'
import { promised } from './violation.ts'
import type { World } from './world.ts'

/** Listens to every line. Of what a hostile member sends nothing is expected. */
export class Wire {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  /** @param allowed κ of scopes, in hex digits: whatever a session sends lies in all of them */
  frame(from: SimulatedDevice, frame: Uint8Array, allowed: readonly string[]): void {
    this.#world.count('frames')
    this.#world.count('bytes', frame.length)
    if (from.options.isHostile) return
    this.#checkSealed(from, frame)
    const message = decodeMessage(frame)
    if (message.type === 'page') this.#checkBatch(from, message.batch, allowed)
  }

  broadcast(from: SimulatedDevice, message: Uint8Array, batch: Batch): void {
    this.#world.count('broadcasts')
    if (from.options.isHostile) return
    this.#checkSealed(from, message)
    this.#checkBatch(from, batch, [''])
  }

  #checkSealed(from: SimulatedDevice, bytes: Uint8Array): void {
    const isSealed = !Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(CANARY)
    promised(isSealed, 'P24: no name or value leaves in the clear', () => `by ${from.place}`)
  }

  #checkBatch(from: SimulatedDevice, batch: Batch, allowed: readonly string[]): void {
    for (const { header } of batch.entries) {
      const entry = this.#world.ledger.get(header.id)
      promised(!entry.text.includes(PRIVATE_MARK), 'P24: private memory never leaves', () => entry.id)
      const path = toHex(header.path)
      const isInScope = allowed.every((scope) => path.startsWith(scope))
      promised(isInScope, 'P22: a session stays within its scope', () => `${path} by ${from.place}`)
    }
    this.#checkDurable(from, batch).catch((error: unknown) => this.#world.fail(error))
  }

  /**
   * P13, for what this device wrote and for what it passes on. The head of somebody else that comes along vouches for
   * itself. What is on disk is looked at before anything else happens.
   */
  async #checkDurable(from: SimulatedDevice, batch: Batch): Promise<void> {
    const rows = from.disk.durable.partition('public')
    const { actor: own } = this.#world.record(from).own
    const sent = new Set(batch.entries.map((entry) => entry.commit))
    for (const { commit } of batch.commits) if (commit.actor === own) sent.add(commit)
    const found = [...sent].map(async (commit) => {
      const [row, head] = await rows.getMany([commitKey(commit), headKey(commit.actor)])
      const isHead = head !== undefined && decodeCommitRow(head).commit.last >= commit.last
      promised(row !== undefined || isHead, 'P13: nothing is sent before the disk has it', () => {
        return `${commit.id} by ${from.place}, which writes as ${own}`
      })
    })
    await Promise.all(found)
  }
}
