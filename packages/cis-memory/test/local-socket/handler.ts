import { StaleBaseError } from '@cis-memory/core'
import type { ConnectionScope } from '../../src/local-socket/handshake.ts'
import type { OperationHandler } from '../../src/local-socket/server.ts'

/** What a handler of the tests was asked and told. */
export interface Witness {
  readonly opened: ConnectionScope[]
  readonly aborted: string[]
  /** Handlers that were let go of. */
  closed: number
  /** Items that the endless stream has made. */
  made: number
}

/** A handler that echoes, fails, waits and counts on demand. */
export function testHandler(witness: Witness, connection: ConnectionScope): OperationHandler {
  witness.opened.push(connection)
  return {
    async call(name, args, signal) {
      switch (name) {
        case 'echo':
          return args
        case 'stale':
          throw new StaleBaseError('config/timeout', ['one', 'two'])
        case 'bug':
          throw new TypeError('something is not a function')
        case 'wait':
          return aborted(signal).finally(() => witness.aborted.push('wait'))
        default:
          throw new Error(`no such call: ${name}`)
      }
    },
    async close() {
      witness.closed++
    },
    async *stream(name, args, signal) {
      try {
        for (let n = 0; name === 'endless' || n < Number(args); n++) {
          signal.throwIfAborted()
          witness.made++
          yield { n }
        }
        if (name === 'failing') throw new StaleBaseError('late', [])
      } finally {
        witness.aborted.push(name)
      }
    }
  }
}

/** Rejects when the signal does. */
async function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
