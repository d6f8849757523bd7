import { CoreError } from '../errors.ts'

/**
 * Whether all batches of a domain are known to be on disk or not. After one that failed they are not: a number it used
 * may be taken, so nothing is written any more until the store is opened again and its rows say what happened.
 */
export class WriteFate {
  #failure: { readonly cause: unknown } | undefined

  /** @throws {CoreError} `CORE_CLOSED` after a batch that failed */
  check(): void {
    if (this.#failure === undefined) return
    throw new CoreError(
      'CORE_CLOSED',
      'an earlier write failed, and whether it is on disk is unknown; close this store and open it again',
      this.#failure
    )
  }

  /** Waits for a batch. */
  async decides(write: Promise<void>): Promise<void> {
    try {
      await write
    } catch (cause) {
      this.#failure = { cause }
      throw cause
    }
  }
}
