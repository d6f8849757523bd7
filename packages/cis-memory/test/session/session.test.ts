import { nodeRuntime } from '@cis-memory/transport/node-runtime'
import { describe, expect, it } from 'vitest'
import { CisError } from '../../src/errors.ts'
import type { Backend } from '../../src/session/acquire.ts'
import { Session } from '../../src/session/session.ts'

const runtime = nodeRuntime()

/** A backend that answers with its name, until it is told otherwise. */
function backend(name: string): Backend & { isOpen: boolean; failWith: Error | undefined; closed: number } {
  return {
    via: 'socket',
    isOpen: true,
    failWith: undefined,
    closed: 0,
    async call() {
      if (this.failWith !== undefined) throw this.failWith
      return name
    },
    async *stream(_name, _args, signal) {
      yield `${name} 1`
      if (this.failWith !== undefined) throw this.failWith
      signal.throwIfAborted()
      yield `${name} 2`
    },
    async close() {
      this.isOpen = false
      this.closed++
    }
  }
}

function session(first: Backend, ...later: Backend[]): Session {
  const acquire = async (): Promise<Backend> => {
    const next = later.shift()
    if (next === undefined) throw new CisError('CIS_HOME_NOT_FOUND', 'nobody')
    return next
  }
  return new Session({ scope: '/acme', backend: first, runtime, acquire })
}

const ask = (asked: Session): Promise<unknown> => asked.call('node.info', {})

describe('a session', () => {
  it('asks its backend, and the successor once that is gone', async () => {
    const [first, second] = [backend('first'), backend('second')]
    const asked = session(first, second)
    expect(await ask(asked)).toBe('first')
    first.isOpen = false
    expect(await Promise.all([ask(asked), ask(asked)])).toEqual(['second', 'second'])
  })

  it('asks again elsewhere what a closing holder did not take, and leaves the rest there alone', async () => {
    const [first, second] = [backend('first'), backend('second')]
    first.failWith = new CisError('CIS_HOLDER_CLOSING', 'closing')
    const asked = session(first, second)
    expect(await ask(asked)).toBe('second')
    expect(first.closed).toBe(0)
  })

  it('does not ask again what may have happened', async () => {
    const first = backend('first')
    first.failWith = new CisError('CIS_CONNECTION_LOST', 'lost')
    await expect(ask(session(first, backend('second')))).rejects.toMatchObject({
      code: 'CIS_CONNECTION_LOST'
    })
  })

  it('does not begin a stream again that has given items', async () => {
    const first = backend('first')
    first.failWith = new CisError('CIS_HOLDER_CLOSING', 'closing')
    const stream = session(first, backend('second')).stream('conflicts.list', {})
    expect((await stream.next()).value).toBe('first 1')
    await expect(stream.next()).rejects.toMatchObject({ code: 'CIS_HOLDER_CLOSING' })
  })

  it('ends what runs when it closes, once, and refuses more', async () => {
    const first = backend('first')
    const asked = session(first)
    const stream = asked.stream('conflicts.list', {})
    await stream.next()
    await Promise.all([asked.close(), asked.close()])
    expect(first.closed).toBe(1)
    await expect(stream.next()).rejects.toMatchObject({ code: 'CIS_SESSION_CLOSED' })
    await expect(ask(asked)).rejects.toMatchObject({ code: 'CIS_SESSION_CLOSED' })
  })

  it('rejects with the reason of the caller', async () => {
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    await expect(session(backend('first')).call('node.info', {}, { signal })).rejects.toBe(reason)
  })
})
