import type { Domain } from '@cis-memory/core'
import type { DeliveryRequest, Selection } from './request.ts'
import { admit, type SafeMemoryContext } from './safe-memory-context.ts'

type Deliver = (request: DeliveryRequest) => Promise<SafeMemoryContext>
type Finishing = Pick<DeliveryRequest, 'onConflict' | 'maxAgeMs' | 'fresh' | 'signal'>

/** A request in the making. Every step answers a new builder and leaves the old one as it was. */
export class ContextBuilder<Request extends Partial<DeliveryRequest>> {
  readonly #request: Request
  readonly #deliver: Deliver

  constructor(request: Request, deliver: Deliver) {
    this.#request = request
    this.#deliver = deliver
  }

  /** The agent's name. Needed before the check. */
  agent(agent: string): ContextBuilder<Request & { readonly agent: string }> {
    return new ContextBuilder({ ...this.#request, agent }, this.#deliver)
  }

  /** A path within the scope of the guard's memory. */
  scope(scope: string): ContextBuilder<Request & { readonly scope: string }> {
    return new ContextBuilder({ ...this.#request, scope }, this.#deliver)
  }

  /** What of the scope the agent needs. The check covers all of it. */
  select(select: Selection): ContextBuilder<Request & { readonly select: Selection }> {
    return new ContextBuilder({ ...this.#request, select }, this.#deliver)
  }

  /** Which domains the agent reads and writes. */
  domains(...domains: Domain[]): ContextBuilder<Request & { readonly domains: readonly Domain[] }> {
    return new ContextBuilder({ ...this.#request, domains }, this.#deliver)
  }

  /**
   * Checks the scope, and reads the selection from the same snapshot.
   *
   * @throws {ConflictPendingError} `GUARD_CONFLICT_PENDING`
   */
  async checkConflicts(
    this: ContextBuilder<Request & { readonly agent: string }>,
    options: Finishing = {}
  ): Promise<CheckedContext> {
    return new CheckedContext(await this.#deliver({ ...this.#request, ...options }))
  }
}

/** A check that found no conflict. */
export class CheckedContext {
  readonly #context: SafeMemoryContext

  constructor(context: SafeMemoryContext) {
    this.#context = context
  }

  /**
   * The context that was checked; the same each time.
   *
   * @throws {GuardError} `GUARD_CONFLICT_PENDING` when a conflict has reached the scope since the check,
   * `GUARD_CONTEXT_EXPIRED`, `GUARD_CONTEXT_CLOSED`
   */
  build(): SafeMemoryContext {
    admit(this.#context).lifetime.assertStartable()
    return this.#context
  }
}
