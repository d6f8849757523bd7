import type { Written } from '@cis-memory/core'
import type { SafeMemoryContext } from '@cis-memory/guard'
import type { Running, SimulatedDevice } from '../device.ts'
import type { DiskRecord } from '../disk-record.ts'
import { codeOf, isExpected, needsReopening } from '../expected.ts'
import { CANARY, SCOPES, tokenOf, valuePath } from '../places.ts'
import type { Deed } from '../script.ts'
import { promised } from '../violation.ts'
import type { World } from '../world.ts'

type Deliver = Extract<Deed, { type: 'deliver' }>

/** Has an agent given memory and run on it, while everything else goes on. */
export class AgentRun {
  readonly #world: World
  readonly #device: SimulatedDevice
  readonly #running: Running
  readonly #record: DiskRecord

  constructor(world: World, device: SimulatedDevice, running: Running) {
    this.#world = world
    this.#device = device
    this.#running = running
    this.#record = world.record(device)
  }

  async deliver(deed: Deliver): Promise<void> {
    const scope = SCOPES[deed.scope % SCOPES.length] as string
    const token = tokenOf(this.#running.replica, scope)
    const since = this.#record.landings
    const context = await this.#checked(
      () =>
        this.#running.guard.checkAndCreateContext({ agent: 'reviewer', scope, onConflict: deed.onConflict }),
      () => {
        const hasReason = this.#record.wasContestedSince(token, since, true)
        promised(hasReason, 'the guard refuses for a reason', () => `${scope} at ${this.#device.place}`)
        this.#world.count('refused')
      }
    )
    if (context === undefined) return
    this.#world.count('delivered')
    const moment = this.#momentOf(context, token, since)
    promised(moment !== undefined, 'P33: no contested memory is delivered', () => {
      return `${scope} at ${this.#device.place} was never as the context shows it while nothing was contested`
    })
    if (deed.thinkMs > 0) await this.#world.time.pause(deed.thinkMs)
    await this.#checked(() => this.#run(context, token, deed, moment))
    await context.close()
  }

  async #run(context: SafeMemoryContext, token: string, deed: Deliver, moment: number): Promise<void> {
    const since = this.#record.landings
    await this.#running.executor.execute(async (given) => {
      if (this.#running.isDead) return
      const isFree = this.#record.wasContestedSince(token, since, false)
      promised(isFree, 'P33: no agent is started on contested memory', () => `${context.scope}`)
      const path = valuePath(deed.path)
      if (!path.startsWith(`${context.scope}/`)) return
      const value = `${CANARY} agent ${this.#world.nextNumber()}`
      const written = await this.#checked(() => given.put(path, value, { domain: 'public' }))
      if (written !== undefined) this.#checkWrite(written, moment)
    }, context)
    this.#world.count('agents run')
  }

  /** The moment whose memory a context shows, if there was one at which nothing in the scope was contested. */
  #momentOf(context: SafeMemoryContext, token: string, since: number): number | undefined {
    const shown = [...context].filter(({ domain }) => domain === 'public')
    for (let landing = since; landing <= this.#record.landings; landing++) {
      if (this.#record.isContestedAt(token, landing)) continue
      const isShown = shown.every(({ path, origin }) =>
        this.#record.liveAt(tokenOf(this.#running.replica, path), landing).includes(origin.entryId)
      )
      if (isShown) return landing
    }
    return undefined
  }

  #checkWrite(written: Written, moment: number): void {
    const entry = this.#world.ledger.get(written.entryId)
    this.#world.ledger.acknowledge(entry.id, this.#device.place)
    const shown = this.#record.liveAt(entry.path, moment)
    const isFair = entry.parents.every((id) => shown.includes(id) || this.#world.ledger.get(id).isDeletion)
    promised(isFair, 'P18: an agent replaces only what it was shown', () => entry.id)
  }

  async #checked<T>(work: () => Promise<T>, onConflict: () => void = () => {}): Promise<T | undefined> {
    try {
      const outcome = await work()
      // What a process that has died would have gone on with happens to nobody.
      return this.#running.isDead ? undefined : outcome
    } catch (error) {
      if (!isExpected(error)) throw error
      if (this.#running.isDead) return undefined
      this.#world.count(`agent: ${codeOf(error)}`)
      if (codeOf(error) === 'GUARD_CONFLICT_PENDING') onConflict()
      if (needsReopening(error)) this.#world.launch('recovery', () => this.#world.recover(this.#device))
      return undefined
    }
  }
}
