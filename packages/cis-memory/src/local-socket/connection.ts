import type { Socket } from 'node:net'
import { is } from 'valibot'
import { CisError } from '../errors.ts'
import {
  HANDSHAKE_TIMEOUT_MS,
  MAX_CONCURRENT_REQUESTS,
  MAX_HANDSHAKE_FRAME_BYTES,
  MAX_REPLY_FRAME_BYTES,
  MAX_REQUEST_FRAME_BYTES,
  STREAM_WINDOW_ITEMS
} from '../limits.ts'
import { connectionLost, FrameStream, holderClosing, malformed } from './frames.ts'
import { clientHello, NONCE_BYTES, PROTOCOL_VERSION, proofOf, requireProof } from './handshake.ts'
import { parseRequest, type Reply, type Request } from './messages.ts'
import type { LocalSocketOptions, OperationHandler } from './server.ts'
import { toWire } from './wire-errors.ts'

interface Running {
  readonly controller: AbortController
  /** Lets a stream go on after the reader asked for more. */
  allow(items: number): void
}

/** One client. Frames come in one by one; each request runs beside the others. */
export class Connection {
  readonly #frames: FrameStream
  readonly #options: LocalSocketOptions
  readonly #requests = new Map<number, Running>()
  readonly #tasks = new Set<Promise<void>>()
  /** Resolves when it is over and nothing runs here any more. */
  readonly ended: Promise<void>
  #hasHandler = false
  #isDraining = false

  constructor(socket: Socket, options: LocalSocketOptions) {
    this.#options = options
    this.#frames = new FrameStream(socket, {
      maxSendBytes: MAX_REPLY_FRAME_BYTES,
      maxReceiveBytes: MAX_HANDSHAKE_FRAME_BYTES
    })
    this.ended = this.#run()
  }

  /** Refuses requests from now on, and asks the client to leave once it has its answers. */
  drain(): void {
    this.#isDraining = true
    if (this.#hasHandler) void this.#send({ type: 'closing' }).catch(() => {})
    else this.#frames.destroy()
  }

  /** Ends what runs, tells the client why, and leaves. */
  stop(): void {
    this.#abort(connectionLost())
    void Promise.allSettled(this.#tasks).then(() => this.#frames.finish())
  }

  destroy(): void {
    this.#frames.destroy()
  }

  /** Serves until the client is gone. Never rejects: whatever goes wrong ends this connection and nothing else. */
  async #run(): Promise<void> {
    const messages = this.#frames.receive()
    let handler: OperationHandler | undefined
    try {
      handler = await this.#handshake(messages)
      if (handler !== undefined) {
        this.#frames.maxReceiveBytes = MAX_REQUEST_FRAME_BYTES
        for await (const message of messages) {
          this.#accept(parseRequest(message), handler)
          // Refusals count too: a client that asks without reading is not read any further.
          if (this.#tasks.size > 2 * MAX_CONCURRENT_REQUESTS) await Promise.race(this.#tasks)
        }
      }
    } catch (error) {
      const { code, message } = toWire(error)
      void this.#send({ type: 'refused', code, message }).catch(() => {})
    }
    this.#abort(connectionEnded())
    await this.#frames.finish()
    await Promise.allSettled(this.#tasks)
    await handler?.close().catch(() => {})
  }

  #abort(reason: Error): void {
    for (const { controller } of this.#requests.values()) controller.abort(reason)
  }

  async #handshake(messages: AsyncGenerator<unknown>): Promise<OperationHandler | undefined> {
    const { key, path, runtime } = this.#options
    const cancelTimer = runtime.timer(HANDSHAKE_TIMEOUT_MS, () => this.#frames.destroy())
    try {
      const holderNonce = runtime.random(NONCE_BYTES)
      await this.#frames.send({ v: PROTOCOL_VERSION, nonce: holderNonce })
      const first = await messages.next()
      if (first.done === true) return undefined
      if (!is(clientHello, first.value)) throw malformed('its greeting has another form')
      const { v, nonce, proof, scope, domain } = first.value
      if (v !== PROTOCOL_VERSION) throw wrongVersion(v)
      const facts = { socketPath: path, holderNonce, clientNonce: nonce, scope, domain }
      requireProof('client', key, facts, proof)
      const handler = this.#options.open({ scope, domain })
      this.#hasHandler = true
      await this.#frames.send({ proof: proofOf('holder', key, facts) })
      return handler
    } finally {
      cancelTimer()
    }
  }

  #accept(request: Request, handler: OperationHandler): void {
    const { id } = request
    const running = this.#requests.get(id)
    switch (request.type) {
      case 'more':
        running?.allow(request.items)
        return
      case 'cancel':
        running?.controller.abort(new DOMException('the reader left', 'AbortError'))
        return
      default: {
        if (running !== undefined) throw malformed('two requests have one id')
        const task = this.#serve(request, handler)
        this.#tasks.add(task)
        void task.finally(() => this.#tasks.delete(task))
      }
    }
  }

  async #serve(request: Request & { type: 'call' | 'stream' }, handler: OperationHandler): Promise<void> {
    const { id, name, args } = request
    const controller = new AbortController()
    const { signal } = controller
    try {
      if (this.#isDraining) throw holderClosing()
      if (this.#requests.size >= MAX_CONCURRENT_REQUESTS) {
        throw new CisError(
          'CIS_TOO_MANY_REQUESTS',
          `a connection has at most ${MAX_CONCURRENT_REQUESTS} requests running; wait for one of them`
        )
      }
      const window = new Window(signal)
      this.#requests.set(id, { controller, allow: (items) => window.allow(items) })
      if (request.type === 'call') {
        const value = await handler.call(name, args, signal)
        await this.#send({ type: 'result', id, value })
      } else {
        for await (const value of handler.stream(name, args, signal)) {
          await this.#send({ type: 'item', id, value })
          await window.take()
        }
        await this.#send({ type: 'end', id })
      }
    } catch (error) {
      await this.#send({ type: 'error', id, error: toWire(error) }).catch(() => {})
    } finally {
      this.#requests.delete(id)
    }
  }

  #send(reply: Reply): Promise<void> {
    return this.#frames.send(reply)
  }
}

/** How many items may be under way before the reader has asked for more. */
class Window {
  readonly #signal: AbortSignal
  #left = STREAM_WINDOW_ITEMS
  #wake: (() => void) | undefined

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', () => this.#wake?.(), { once: true })
  }

  allow(items: number): void {
    this.#left = Math.min(STREAM_WINDOW_ITEMS, this.#left + items)
    this.#wake?.()
  }

  /** Counts one item; waits when it was the last allowed one. */
  async take(): Promise<void> {
    this.#left--
    while (this.#left <= 0) {
      this.#signal.throwIfAborted()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#signal.throwIfAborted()
  }
}

function connectionEnded(): DOMException {
  return new DOMException('the connection ended', 'AbortError')
}

function wrongVersion(version: number): CisError {
  return new CisError(
    'CIS_SOCKET_VERSION',
    `the process that has the store open speaks version ${PROTOCOL_VERSION} of the local socket and this one ${version}; update the older of the two and restart it`
  )
}
