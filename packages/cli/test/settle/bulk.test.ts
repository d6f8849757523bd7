import type { CisSession } from 'cis-memory/session'
import { describe, expect, it } from 'vitest'
import { plan, settleAll } from '../../src/settle/bulk.ts'
import { conflict, version } from '../harness.ts'

describe('settling a thousand conflicts', () => {
  const large = version({ value: 'x'.repeat(10_000) })
  const plans = Array.from({ length: 1000 }, (_, i) =>
    plan(conflict({ id: `id ${i}`, path: `/key ${i}`, versions: [large, version({ digit: 'b' })] }), 'latest')
  )

  it('remembers none of their values', () => {
    expect(JSON.stringify(plans).length / plans.length).toBeLessThan(200)
  })

  it('has a few under way at a time, and each settled once', async () => {
    const asked: unknown[] = []
    let running = 0
    let most = 0
    const session = {
      call: async (_: string, { id }: { readonly id: string }) => {
        asked.push(id)
        most = Math.max(most, ++running)
        await new Promise(setImmediate)
        running--
      }
    } as unknown as CisSession
    let settled = 0
    for await (const { outcome } of settleAll(session, plans, new AbortController().signal)) {
      if (outcome === 'settled') settled++
    }
    expect([settled, new Set(asked).size, asked.length]).toEqual([1000, 1000, 1000])
    expect(most).toBe(16)
  })
})
