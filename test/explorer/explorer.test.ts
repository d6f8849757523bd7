import { beforeAll, describe, expect, it } from 'vitest'
import { type ExploreOptions, explore, formatPath, type Report, replay } from './src/explorer.ts'
import { DEFAULT_KINDS, formatOperation, KINDS, operationsOf, parseOperation } from './src/operations.ts'
import { rememberCrypto } from './src/remembered-crypto.ts'

/** On a machine that has little time. `npm run explore -- --operations 5` goes further than this does. */
const LIMIT_MS = 300_000

beforeAll(rememberCrypto)

function exploring(options: Partial<ExploreOptions>): Promise<Report> {
  return explore({ replicas: 2, operations: 3, kinds: DEFAULT_KINDS, ...options })
}

function shown({ violation, path }: Report): string | undefined {
  return violation && `${violation.message}\n--path '${formatPath(path)}'`
}

function statesOf({ layers }: Report): number[] {
  return layers.map(({ states }) => states)
}

describe('every order of three operations', () => {
  it(
    'on three replicas that write, settle, undo, sync, stop, are restored and cloned keeps all promises',
    async () => {
      const report = await exploring({ replicas: 3 })
      expect(shown(report)).toBeUndefined()
      expect(report.layers.at(-1)?.states).toBeGreaterThan(150)
    },
    LIMIT_MS
  )

  it(
    'on replicas that are handed forged entries keeps all promises',
    async () => {
      const report = await exploring({ kinds: ['put', 'pull', 'ahead', 'behind'] })
      expect(shown(report)).toBeUndefined()
      expect(report.layers.at(-1)?.states).toBeGreaterThan(50)
    },
    LIMIT_MS
  )

  it(
    'on replicas that lose what was not yet on their disks keeps all promises',
    async () => {
      const report = await exploring({ kinds: ['put', 'pull', 'cut', 'kill'] })
      expect(shown(report)).toBeUndefined()
      expect(report.layers.at(-1)?.states).toBeGreaterThan(20)
    },
    LIMIT_MS
  )
})

describe('the explorer', () => {
  it(
    'finds a store that keeps its actor when it is restored, by the shortest path there is',
    async () => {
      const bug = {
        replicas: 2,
        operations: 4,
        kinds: ['put', 'pull', 'restore'],
        restoredAs: 'kept'
      } as const
      const report = await explore(bug)
      expect(report.violation?.promise).toBe('P6: a number is used once')
      expect(formatPath(report.path)).toBe('put 0, pull 1<0, restore 0, put 0')
      expect((await replay(report.path, bug)).violation).toEqual(report.violation)
    },
    LIMIT_MS
  )

  it(
    'opens a device again that has stopped in the middle',
    async () => {
      const path = ['restore 0', 'put 0', 'pull 1<0 !1:1', 'pull 1<0'].map(parseOperation)
      const report = await replay(path, { replicas: 2, operations: 4, kinds: DEFAULT_KINDS })
      expect(shown(report)).toBeUndefined()
    },
    LIMIT_MS
  )

  it(
    'counts states once that differ in the names of replicas alone',
    async () => {
      const small = { replicas: 3, operations: 2, kinds: ['put', 'pull'] } as const
      expect(statesOf(await explore(small))).toEqual([1, 3])
      expect(statesOf(await explore({ ...small, merges: false }))).toEqual([3, 12])
    },
    LIMIT_MS
  )

  it('writes operations in a way that it reads', () => {
    const all = operationsOf(new Set(KINDS), 3)
    expect(all.map(formatOperation).map(parseOperation)).toEqual(all)
    const stopped = { type: 'pull', place: 1, peer: 0, stop: { place: 0, batches: 2 } } as const
    expect(parseOperation(formatOperation(stopped))).toEqual(stopped)
    for (const text of ['', 'put', 'fly 0', 'put 0 0 0'])
      expect(() => parseOperation(text)).toThrow(RangeError)
  })
})
