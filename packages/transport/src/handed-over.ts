import './runtime-shim.ts'
import type { Stream } from '@libp2p/interface'

const EVENTS = ['drain', 'idle', 'close'] as const

const waiting = new WeakMap<Stream, Promise<boolean>>()

/**
 * Whether a stream has handed everything it was given to its connection: resolves with true once it has, with false
 * when it broke before that. A connection that is closed politely sends what it was handed.
 */
export function handedOver(stream: Stream): Promise<boolean> {
  if (isEmpty(stream)) return Promise.resolve(true)
  const known = waiting.get(stream)
  if (known !== undefined) return known
  const outcome = new Promise<boolean>((resolve) => {
    const look = (): void => {
      if (stream.status === 'open' && !isEmpty(stream)) return
      for (const event of EVENTS) stream.removeEventListener(event, look)
      waiting.delete(stream)
      resolve(isEmpty(stream))
    }
    // Not stream.onDrain(): libp2p's waits once per stream and returns at once ever after.
    for (const event of EVENTS) stream.addEventListener(event, look)
  })
  waiting.set(stream, outcome)
  return outcome
}

function isEmpty(stream: Stream): boolean {
  return stream.status === 'open' && !stream.writableNeedsDrain && stream.writeBufferLength === 0
}
