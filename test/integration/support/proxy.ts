import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Stands between two ends of TCP and keeps every byte that passes. */
export class RecordingProxy implements AsyncDisposable {
  /** Where it passes connections on to, on 127.0.0.1. May change between connections. */
  targetPort: number
  /** From whoever connects, and back, in the order in which they passed. */
  readonly forth: Buffer[] = []
  readonly back: Buffer[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #passed = 0
  #trap: { readonly at: number; readonly spring: () => void } | undefined

  private constructor(server: Server, targetPort: number) {
    this.#server = server
    this.targetPort = targetPort
  }

  static async to(targetPort: number): Promise<RecordingProxy> {
    const server = createServer()
    const proxy = new RecordingProxy(server, targetPort)
    server.on('connection', (socket) => proxy.#pass(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Bytes in both directions. */
  get passed(): number {
    return this.#passed
  }

  /** Resolves as soon as this many more bytes have passed. One at a time. */
  after(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#trap = { at: this.#passed + bytes, spring: resolve }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #pass(near: Socket): void {
    const far = connect(this.targetPort, '127.0.0.1')
    this.#join(near, far, this.forth)
    this.#join(far, near, this.back)
  }

  #join(from: Socket, to: Socket, record: Buffer[]): void {
    this.#sockets.add(from)
    from.on('data', (chunk: Buffer) => {
      record.push(chunk)
      this.#count(chunk.length)
      if (!to.write(chunk)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }

  #count(bytes: number): void {
    this.#passed += bytes
    if (this.#trap !== undefined && this.#passed >= this.#trap.at) {
      this.#trap.spring()
      this.#trap = undefined
    }
  }
}

/** The port in an address such as `/ip4/127.0.0.1/tcp/4001/p2p/…`. */
export function portOf(address: string): number {
  const port = /\/tcp\/(\d+)/.exec(address)?.[1]
  if (port === undefined) throw new TypeError(`no port in ${address}`)
  return Number(port)
}

/** The same device at another port. */
export function atPort(address: string, port: number): string {
  return address.replace(/\/tcp\/\d+/, `/tcp/${port}`)
}
