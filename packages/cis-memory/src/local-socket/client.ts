import { createConnection } from 'node:net'
import type { AbortOptions, Runtime } from '@cis-memory/core'
import { is } from 'valibot'
import { CisError } from '../errors.ts'
import {
  HANDSHAKE_TIMEOUT_MS,
  MAX_HANDSHAKE_FRAME_BYTES,
  MAX_REPLY_FRAME_BYTES,
  MAX_REQUEST_FRAME_BYTES,
  STREAM_WINDOW_ITEMS
} from '../limits.ts'
import { connectionLost, FrameStream, holderClosing, malformed } from './frames.ts'
import {
  type ConnectionScope,
  holderAnswer,
  holderHello,
  NONCE_BYTES,
  PROTOCOL_VERSION,
  proofOf,
  requireProof
} from './handshake.ts'
import { parseReply, type Reply, type Request } from './messages.ts'
import { fromWire } from './wire-errors.ts'

export interface ConnectOptions extends ConnectionScope, AbortOptions {
  readonly path: string
  readonly key: Uint8Array
  readonly runtime: Runtime
}

/** Hears the answers to one request. */
interface Pending {
  item(value: unknown): void
  /** The last: a call's result, or a stream's end. */
  done(value: unknown): void
  fail(error: Error): void
}

/** Asks the process that has the store open. */
export class LocalSocketClient {
  readonly #frames: FrameStream
  readonly #pending = new Map<number, Pending>()
  #nextId = 0
  /** The holder takes no more requests; what it has taken it still answers. */
  #isLeaving = false
  #ended: Error | undefined

  private constructor(frames: FrameStream) {
    this.#frames = frames
  }

  /**
   * Connects, and proves to each other who both are.
   *
   * @throws {CisError} `CIS_SOCKET_UNTRUSTED`, `CIS_SOCKET_VERSION`, `CIS_SOCKET_TIMEOUT`, `CIS_CONNECTION_LOST`
   * when nobody listens
   */
  static async connect(options: ConnectOptions): Promise<LocalSocketClient> {
    const { path, key, runtime, scope, domain, signal } = options
    signal?.throwIfAborted()
    const frames = new FrameStream(createConnection(path), {
      maxSendBytes: MAX_REQUEST_FRAME_BYTES,
      maxReceiveBytes: MAX_HANDSHAKE_FRAME_BYTES
    })
    let hasTimedOut = false
    const cancelTimer = runtime.timer(HANDSHAKE_TIMEOUT_MS, () => {
      hasTimedOut = true
      frames.destroy()
    })
    const onAbort = (): void => frames.destroy()
    signal?.addEventListener('abort', onAbort, { once: true })
    const messages = frames.receive()
    try {
      const hello = await nextMessage(messages)
      if (!is(holderHello, hello)) throw malformed('its greeting has another form')
      const { v, nonce } = hello
      if (v !== PROTOCOL_VERSION) {
        throw new CisError(
          'CIS_SOCKET_VERSION',
          `the process that has the store open speaks version ${v} of the local socket and this one ${PROTOCOL_VERSION}; update the older of the two and restart it`
        )
      }
      const clientNonce = runtime.random(NONCE_BYTES)
      const facts = { socketPath: path, holderNonce: nonce, clientNonce, scope, domain }
      const proof = proofOf('client', key, facts)
      await frames.send({ v, nonce: clientNonce, scope, ...(domain && { domain }), proof })
      const answer = await nextMessage(messages)
      if (!is(holderAnswer, answer)) {
        const reply = parseReply(answer)
        throw reply.type === 'refused' ? refusal(reply) : malformed('it gave no proof')
      }
      requireProof('holder', key, facts, answer.proof)
    } catch (error) {
      frames.destroy()
      signal?.throwIfAborted()
      if (!hasTimedOut) throw error
      throw new CisError(
        'CIS_SOCKET_TIMEOUT',
        'the process that has the store open does not answer; stop it, then try again'
      )
    } finally {
      cancelTimer()
      signal?.removeEventListener('abort', onAbort)
    }
    frames.maxReceiveBytes = MAX_REPLY_FRAME_BYTES
    const client = new LocalSocketClient(frames)
    void client.#listen(messages)
    return client
  }

  /** Whether the holder is there and takes requests, as far as this side has heard. */
  get isOpen(): boolean {
    return this.#ended === undefined && !this.#isLeaving
  }

  async call(name: string, args: unknown, options: AbortOptions = {}): Promise<unknown> {
    const { signal } = options
    signal?.throwIfAborted()
    const id = this.#nextId++
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, {
        item: () => reject(malformed('a call got an item')),
        done: resolve,
        fail: reject
      })
    })
    const onAbort = (): void => {
      this.#pending.get(id)?.fail(signal?.reason)
      this.#cancel(id)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      this.#ask({ type: 'call', id, name, args })
      return await answer
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#forget(id)
    }
  }

  async *stream(
    name: string,
    args: unknown,
    options: AbortOptions = {}
  ): AsyncGenerator<unknown, void, undefined> {
    const { signal } = options
    signal?.throwIfAborted()
    const id = this.#nextId++
    const items: unknown[] = []
    let outcome = 'open' as 'open' | 'done' | Error
    let wake = (): void => {}
    const settle = (how: 'done' | Error): void => {
      if (outcome === 'open') outcome = how
      wake()
    }
    this.#pending.set(id, {
      item: (value) => {
        items.push(value)
        wake()
      },
      done: () => settle('done'),
      fail: settle
    })
    const onAbort = (): void => settle(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    let taken = 0
    try {
      this.#ask({ type: 'stream', id, name, args })
      for (;;) {
        signal?.throwIfAborted()
        if (items.length > 0) {
          yield items.shift()
          if (++taken === STREAM_WINDOW_ITEMS / 2) {
            taken = 0
            this.#ask({ type: 'more', id, items: STREAM_WINDOW_ITEMS / 2 })
          }
        } else if (outcome === 'open') {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        } else if (outcome === 'done') return
        else throw outcome
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      if (outcome !== 'done') this.#cancel(id)
      this.#forget(id)
    }
  }

  /** Lets go of the connection; what still runs on the other side is cancelled. May be called twice. */
  async close(): Promise<void> {
    this.#end(new CisError('CIS_SESSION_CLOSED', 'this session is closed'))
    await this.#frames.finish()
  }

  #ask(request: Request): void {
    if (this.#ended !== undefined) throw this.#ended
    if (this.#isLeaving && request.type !== 'more') throw holderClosing()
    this.#frames.send(request).catch((error) => {
      if (request.type === 'call' || request.type === 'stream') this.#pending.get(request.id)?.fail(error)
    })
  }

  #cancel(id: number): void {
    if (this.#ended === undefined) this.#frames.send({ type: 'cancel', id }).catch(() => {})
  }

  #forget(id: number): void {
    this.#pending.delete(id)
    this.#leaveWhenDone()
  }

  #leaveWhenDone(): void {
    if (this.#isLeaving && this.#pending.size === 0) void this.#frames.finish()
  }

  async #listen(messages: AsyncGenerator<unknown>): Promise<void> {
    let reason: Error = connectionLost()
    try {
      for await (const message of messages) {
        const reply = parseReply(message)
        if (reply.type === 'refused') {
          reason = refusal(reply)
          break
        }
        if (reply.type === 'closing') {
          this.#isLeaving = true
          this.#leaveWhenDone()
        } else this.#deliver(reply)
      }
    } catch (error) {
      reason = error as Error
    }
    this.#end(reason)
    this.#frames.destroy()
  }

  #deliver(reply: Exclude<Reply, { type: 'refused' | 'closing' }>): void {
    const pending = this.#pending.get(reply.id)
    switch (reply.type) {
      case 'item':
        pending?.item(reply.value)
        break
      case 'result':
        pending?.done(reply.value)
        break
      case 'end':
        pending?.done(undefined)
        break
      default:
        pending?.fail(fromWire(reply.error))
    }
  }

  #end(reason: Error): void {
    this.#ended ??= reason
    for (const pending of this.#pending.values()) pending.fail(reason)
  }
}

async function nextMessage(messages: AsyncGenerator<unknown>): Promise<unknown> {
  const { done, value } = await messages.next()
  if (done === true) throw connectionLost()
  return value
}

function refusal({ code, message }: { readonly code: string; readonly message: string }): Error {
  return fromWire({ name: 'CisError', code, message, fields: {} })
}
