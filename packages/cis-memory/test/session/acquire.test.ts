import { join } from 'node:path'
import { StoreLockedError } from '@cis-memory/store'
import { nodeRuntime } from '@cis-memory/transport/node-runtime'
import { describe, expect, it } from 'vitest'
import { homeAt } from '../../src/home.ts'
import { HOLDER_WAIT_MS } from '../../src/limits.ts'
import { acquire, type Backend } from '../../src/session/acquire.ts'
import { temporaryDirectory } from '../temporary.ts'

const connection = { scope: '/', domain: undefined }
const opened = { via: 'store', isOpen: true } as Backend

/** How often the store was tried until it opened, was given up, or `attempts` were enough. */
async function attemptsWith(
  failures: readonly Error[],
  waitMs: number
): Promise<{ attempts: number; got: unknown }> {
  const home = homeAt(join(await temporaryDirectory(), 'home'))
  let attempts = 0
  let now = 0
  const runtime = { ...nodeRuntime(), now: () => now }
  const got = await acquire({
    home,
    connection,
    runtime,
    openStore: async () => {
      const failure = failures[attempts++]
      now += waitMs
      if (failure !== undefined) throw failure
      return opened
    }
  }).catch((error) => error)
  return { attempts, got }
}

describe('acquire', () => {
  const silent = new StoreLockedError({})
  const serving = new StoreLockedError({ pid: 1, socketPath: '/gone' })

  it('waits while a holder is opening or closing', async () => {
    expect(await attemptsWith([silent, serving, silent], 10)).toEqual({ attempts: 4, got: opened })
  })

  it('does not wait for a holder that answers nobody, nor for anything else', async () => {
    const mute = new StoreLockedError({ pid: 1 })
    expect(await attemptsWith([mute, silent], 10)).toEqual({ attempts: 1, got: mute })
    const broken = new Error('disk')
    expect(await attemptsWith([broken], 10)).toEqual({ attempts: 1, got: broken })
  })

  it('gives up in the end', async () => {
    const failures = Array.from({ length: 9 }, () => silent)
    expect(await attemptsWith(failures, HOLDER_WAIT_MS / 2)).toEqual({ attempts: 2, got: silent })
  })

  it('gives up when it is told to', async () => {
    const home = homeAt(join(await temporaryDirectory(), 'home'))
    const controller = new AbortController()
    const openStore = async (): Promise<Backend> => {
      controller.abort(new Error('enough'))
      throw silent
    }
    const { signal } = controller
    await expect(acquire({ home, connection, runtime: nodeRuntime(), openStore, signal })).rejects.toThrow(
      'enough'
    )
  })
})
