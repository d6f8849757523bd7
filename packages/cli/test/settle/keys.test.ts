import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Host } from '../../src/host.ts'
import { Keys } from '../../src/settle/keys.ts'

/** A terminal that gives what is typed at once, and tells how it is set. */
function terminal() {
  const log: string[] = []
  const interruption = new AbortController()
  const stdin = Object.assign(new EventEmitter(), {
    setRawMode: (isRaw: boolean) => log.push(isRaw ? 'raw' : 'cooked'),
    resume: () => log.push('resume'),
    pause: () => log.push('pause')
  })
  const interrupt = (): void => interruption.abort(new Error('interrupted'))
  const host = { stdin, signal: interruption.signal, interrupt } as unknown as Host
  return { host, log, stdin, type: (text: string | Uint8Array) => stdin.emit('data', text) }
}

describe('keys', () => {
  it('count only while somebody waits: one pressed twice answers one question', async () => {
    const { host, type } = terminal()
    using keys = new Keys(host)
    type('d')
    const first = keys.next()
    type('l')
    type('l')
    expect(await first).toBe('l')
    const second = keys.next()
    type('s')
    expect(await second).toBe('s')
  })

  it('are one at a time: a paste and a key that sends a sequence answer nothing', async () => {
    const { host, type } = terminal()
    using keys = new Keys(host)
    const key = keys.next()
    type('delete')
    type('\u001b[A')
    type(Buffer.from('R'))
    expect(await key).toBe('r')
  })

  it('interrupt on Ctrl-C, whether or not somebody waits', async () => {
    const waiting = terminal()
    using keys = new Keys(waiting.host)
    const key = keys.next()
    waiting.type('\u0003')
    await expect(key).rejects.toThrow('interrupted')
    const working = terminal()
    using _idle = new Keys(working.host)
    working.type('\u0003')
    expect(working.host.signal.aborted).toBe(true)
  })

  it('leave the terminal to an editor, and as it was at the end, also when that fails', async () => {
    const { host, log, stdin } = terminal()
    {
      using keys = new Keys(host)
      const editing = keys.without(async () => {
        log.push('edit')
        throw new Error('no such editor')
      })
      await expect(editing).rejects.toThrow('no such editor')
    }
    expect(log).toEqual(['raw', 'resume', 'cooked', 'pause', 'edit', 'raw', 'resume', 'cooked', 'pause'])
    expect(stdin.listenerCount('data')).toBe(0)
  })
})
