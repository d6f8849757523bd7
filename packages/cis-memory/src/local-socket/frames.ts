/*
 * Frames on a byte stream:
 *
 *   length   4 bytes, most significant first
 *   body     CBOR of one message
 */
import type { Duplex } from 'node:stream'
import { type DecodeOptions, decode, encode } from 'cborg'
import { CisError } from '../errors.ts'

const LENGTH_BYTES = 4
const DECODE: DecodeOptions = { strict: true, allowIndefinite: false, rejectDuplicateMapKeys: true }

/**
 * Sends and receives frames. Reading is the back-pressure: nothing is taken off the line while nobody reads, and a
 * sender waits while the other side does not.
 */
export class FrameStream {
  readonly #stream: Duplex
  readonly #maxSendBytes: number
  /** Frames over this many bytes end the connection; raised once the other side has proven itself. */
  maxReceiveBytes: number
  #sending: Promise<void> = Promise.resolve()

  constructor(stream: Duplex, limits: { readonly maxSendBytes: number; readonly maxReceiveBytes: number }) {
    this.#stream = stream
    this.#maxSendBytes = limits.maxSendBytes
    this.maxReceiveBytes = limits.maxReceiveBytes
    // Whoever reads or writes hears of it; without a listener it would end the process.
    stream.on('error', () => {})
  }

  /** Resolves once there is room for the next. */
  send(message: unknown): Promise<void> {
    const body = encode(message)
    if (body.length > this.#maxSendBytes) {
      return Promise.reject(
        new CisError(
          'CIS_MESSAGE_TOO_LARGE',
          `a message of ${body.length} bytes is over the limit of ${this.#maxSendBytes}; nothing was sent. Ask for less at once`
        )
      )
    }
    const frame = Buffer.allocUnsafe(LENGTH_BYTES + body.length)
    frame.writeUInt32BE(body.length)
    frame.set(body, LENGTH_BYTES)
    const sent = this.#sending.then(() => this.#write(frame))
    this.#sending = sent.catch(() => {})
    return sent
  }

  /**
   * The messages of the other side, until it ends.
   *
   * @throws {CisError} `CIS_SOCKET_MALFORMED` on anything that is not a frame within the limit
   */
  async *receive(): AsyncGenerator<unknown, void, undefined> {
    const parts: Uint8Array[] = []
    let available = 0
    let needed = LENGTH_BYTES
    let isBody = false
    try {
      // Leaving the loop leaves the line up, so that the other side can be told why.
      const chunks: AsyncIterable<Uint8Array> = this.#stream.iterator({ destroyOnReturn: false })
      for await (const chunk of chunks) {
        parts.push(chunk)
        available += chunk.length
        while (available >= needed) {
          const all = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts)
          const taken = all.subarray(0, needed)
          const rest = all.subarray(needed)
          parts.splice(0, parts.length, rest)
          available = rest.length
          if (isBody) {
            needed = LENGTH_BYTES
            isBody = false
            yield decodeBody(taken)
          } else {
            needed = new DataView(taken.buffer, taken.byteOffset).getUint32(0)
            if (needed === 0 || needed > this.maxReceiveBytes) {
              throw malformed(`a frame of ${needed} bytes is outside its limits`)
            }
            isBody = true
          }
        }
      }
    } catch (error) {
      if (error instanceof CisError) throw error
      throw connectionLost({ cause: error })
    }
    if (isBody || available > 0) throw connectionLost()
  }

  /** Ends the line after what was sent has left, or right away when it is broken. */
  async finish(): Promise<void> {
    await this.#sending
    const stream = this.#stream
    if (!stream.destroyed && stream.writable) {
      await new Promise<void>((resolve) => {
        stream.once('close', resolve)
        stream.end(resolve)
      })
    }
    stream.destroy()
  }

  /** Drops the line at once. */
  destroy(): void {
    this.#stream.destroy()
  }

  async #write(frame: Uint8Array): Promise<void> {
    const stream = this.#stream
    if (stream.destroyed || !stream.writable) throw connectionLost()
    if (stream.write(frame)) return
    await new Promise<void>((resolve, reject) => {
      const settle = (isThere: boolean) => (): void => {
        stream.off('drain', onDrain)
        stream.off('close', onClose)
        if (isThere) resolve()
        else reject(connectionLost())
      }
      const onDrain = settle(true)
      const onClose = settle(false)
      stream.once('drain', onDrain)
      stream.once('close', onClose)
    })
  }
}

/** The other process went away. */
export function connectionLost(options?: ErrorOptions): CisError {
  return new CisError(
    'CIS_CONNECTION_LOST',
    'the process that has the store open went away before it answered; what was asked may have happened. Look before asking again',
    options
  )
}

/** The holder takes no more requests. Nothing was done. */
export function holderClosing(): CisError {
  return new CisError(
    'CIS_HOLDER_CLOSING',
    'the process that has the store open is closing; ask again in a moment'
  )
}

/** Refuses bytes that follow no rule of the socket. */
export function malformed(problem: string): CisError {
  return new CisError(
    'CIS_SOCKET_MALFORMED',
    `the other side of the local socket broke its rules: ${problem}`
  )
}

function decodeBody(body: Uint8Array): unknown {
  try {
    return decode(body, DECODE)
  } catch (cause) {
    // Deep nesting ends the decoder with a RangeError, which is as good a refusal as any.
    throw new CisError('CIS_SOCKET_MALFORMED', 'the other side of the local socket sent what is not CBOR', {
      cause
    })
  }
}
