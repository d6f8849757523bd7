import assert from 'node:assert/strict'
import { storeSuite } from '@cis-memory/store/compliance'
import { afterAll, describe, expect, it, test } from 'vitest'
import { SimulatedDisk } from './src/disk.ts'
import { ALL_FAULTS, NO_FAULTS, parseFaults } from './src/faults.ts'
import { generate } from './src/generate.ts'
import { Random } from './src/random.ts'
import { type Claim, standing } from './src/reference.ts'
import type { Script } from './src/script.ts'
import { shrink } from './src/shrink.ts'
import { VirtualTime } from './src/virtual-time.ts'

describe('virtual time', () => {
  it('runs what is due in order, and what follows from it before the next', async () => {
    const time = new VirtualTime(1_000)
    const seen: string[] = []
    const see = (what: string) => async (): Promise<void> => {
      seen.push(`${what} at ${time.nowMs}`)
      await undefined
      seen.push(`after ${what}`)
    }
    time.after(20, () => void see('second')())
    time.after(10, () => void see('first')())
    time.after(15, () => void see('never')())()
    time.after(90, () => void see('later')())
    await time.pass(50, () => {})
    expect(seen).toEqual(['first at 1010', 'after first', 'second at 1020', 'after second'])
    expect([time.nowMs, time.count]).toEqual([1_050, 2])
  })
})

describe('a simulated disk', () => {
  const time = new VirtualTime(0)
  let isOver = false
  const passing = (async () => {
    while (!isOver) await time.pass(1_000, () => {})
  })()
  afterAll(async () => {
    isOver = true
    await passing
  })
  const disk = (durability: 'disk' | 'os'): SimulatedDisk => {
    const random = new Random('disk')
    return new SimulatedDisk({
      time,
      random,
      id: random.bytes(16),
      durability,
      onLanded: () => {},
      onFault: () => {}
    })
  }

  let last: SimulatedDisk | undefined
  storeSuite({
    test,
    create: async () => {
      last = disk('disk')
      return last.open()
    },
    reopen: async () => (last as SimulatedDisk).open()
  })

  const put = (value: number) =>
    [{ type: 'put', key: Uint8Array.of(1), value: Uint8Array.of(value) }] as const
  const valueOn = async (from: SimulatedDisk): Promise<number | undefined> =>
    (await from.rows.partition('public').get(Uint8Array.of(1)))?.[0]

  it('keeps what was acknowledged when power fails, and loses what was not waited for', async () => {
    for (const [durability, kept, left] of [
      ['disk', 0, 2],
      ['os', 0, undefined],
      ['os', 0.5, 1],
      ['os', 1, 2]
    ] as const) {
      const cut = disk(durability)
      const store = cut.open()
      const rows = store.partition('public')
      await rows.write(put(1))
      await rows.write(put(2))
      store.die({ isPowerCut: true, isLanded: false, kept })
      assert.equal(await valueOn(cut), left)
      assert.equal(cut.open().continuity, durability === 'os' ? 'unclean-stop' : 'kept')
    }
  })

  it('answers a dead process nothing, and takes nothing from it', async () => {
    const killed = disk('disk')
    const store = killed.open()
    let isAnswered = false
    const answered = (): void => {
      isAnswered = true
    }
    void store.partition('public').write(put(1)).then(answered, answered)
    store.die({ isPowerCut: false, isLanded: false, kept: 1 })
    void store.partition('public').get(Uint8Array.of(1)).then(answered, answered)
    await time.pause(1_000)
    expect([isAnswered, await valueOn(killed)]).toEqual([false, undefined])
  })

  it('says of itself what may have happened to it', async () => {
    const os = disk('os')
    await os.open().acceptContinuity()
    expect(os.open().continuity).toBe('unclean-stop')
    const copied = disk('disk')
    copied.restore(os.backUp(), false)
    expect(copied.open().continuity).toBe('copied-or-restored')
    copied.restore(os.backUp(), true)
    expect(copied.open().continuity).toBe('kept')
  })
})

describe('the reference rules', () => {
  const claim = (actor: string, n: number, hlc: number, context: [string, number][] = []): Claim => ({
    id: `${actor}${n}`,
    actor,
    n,
    hlc: BigInt(hlc),
    context: new Map(context)
  })

  it('leave what nothing later that stands has seen', () => {
    const [a, b, both] = [
      claim('a', 1, 1),
      claim('b', 1, 2),
      claim('c', 1, 3, [
        ['a', 1],
        ['b', 1]
      ])
    ]
    expect(standing([a, b])).toEqual(new Set(['a1', 'b1']))
    expect(standing([both, a, b])).toEqual(new Set(['c1']))
    expect(standing([claim('a', 2, 9), both, a])).toEqual(new Set(['a2', 'c1']))
    // What was replaced by something that was replaced itself, by somebody who had not seen it, is back.
    expect(standing([a, claim('b', 1, 2, [['a', 1]]), claim('c', 1, 3, [['b', 1]])])).toEqual(
      new Set(['c1', 'a1'])
    )
  })
})

describe('shrinking', () => {
  it('finds the two steps out of two hundred that matter, and takes away what they do not need', async () => {
    const script = generate({ seed: 5, steps: 200, replicas: 9, faults: ALL_FAULTS })
    const has = ({ actions }: Script, type: string): boolean => actions.some((action) => action.type === type)
    let runs = 0
    const short = await shrink(script, {
      fails: async (candidate) => {
        runs++
        return has(candidate, 'crash') && has(candidate, 'undo') && candidate.replicas >= 3
      },
      isOver: () => false
    })
    expect(short.actions.map(({ type }) => type).sort()).toEqual(['crash', 'undo'])
    expect([short.replicas, short.faults]).toEqual([3, NO_FAULTS])
    expect(runs).toBeLessThan(400)
  })
})

describe('faults', () => {
  it('are read by name, with rates, by exclusion, or not at all', () => {
    expect(parseFaults('all')).toEqual(ALL_FAULTS)
    expect(parseFaults('none')).toEqual(NO_FAULTS)
    expect(parseFaults('loss,crash=0.5')).toEqual({ ...NO_FAULTS, loss: ALL_FAULTS.loss, crash: 0.5 })
    expect(parseFaults('all,-hostile')).toEqual({ ...ALL_FAULTS, hostile: 0 })
    expect(() => parseFaults('rain')).toThrow(RangeError)
  })
})
