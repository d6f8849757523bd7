import { readFile } from 'node:fs/promises'
import { CorruptRowError, MemoryStore, type RowStore, type Store } from '@cis-memory/store'
import { describe, expect, it } from 'vitest'
import { checkRows } from '../../src/replica/check-rows.ts'
import { type Device, devices } from '../support/world.ts'

const VALUE = Uint8Array.of(1)

/** The same store with damaged rows: those that a test picks by their first letter. */
function damaged(store: Store, letters: string): Store {
  const broken = (rows: RowStore): RowStore =>
    new Proxy(rows, {
      get: (target, name) => {
        if (name !== 'range') return Reflect.get(target, name, target).bind(target)
        return async function* (range: Parameters<RowStore['range']>[0]) {
          for await (const row of target.range(range)) {
            const letter = String.fromCharCode(row.key[0] as number)
            if (letters.includes(letter)) throw new CorruptRowError('public', row.key)
            yield row
          }
        }
      }
    })
  return { partition: (name: 'public') => broken(store.partition(name)) } as unknown as Store
}

async function written(): Promise<Device> {
  const [a] = (await devices(1)) as [Device]
  for (const value of [1, 2, 3]) await a.memory.public.put('key', value, { overwrite: true })
  await a.memory.public.put('other', 1)
  return a
}

describe('a check of the rows', () => {
  it('finds nothing where nothing is damaged, and says that it has read all', async () => {
    const { replica } = await written()
    const { checked, isComplete, damaged } = await replica.checkRows()
    expect([isComplete, damaged, checked > 10]).toEqual([true, [], true])
  })

  it('counts what is damaged by kind, and reads on behind each', async () => {
    const { store, replica } = await written()
    const check = await checkRows(damaged(store, 'EY'), {})
    expect(check.damaged).toEqual([
      { partition: 'public', kind: 'live entries', count: 2 },
      { partition: 'public', kind: 'history', count: 2 }
    ])
    expect(check.checked).toBe((await replica.checkRows()).checked)
  })

  it('has a name for what each kind of row holds', async () => {
    const source = await readFile(new URL('../../src/replica/rows.ts', import.meta.url), 'utf8')
    const letters = [...source.matchAll(/= kind\('(.)'\)/g)].map(([, letter]) => letter as string)
    expect(letters).toContain('E')
    const store = new MemoryStore()
    const changes = letters.map(
      (letter) => ({ type: 'put', key: Buffer.from(letter), value: VALUE }) as const
    )
    await store.partition('public').write(changes)
    const check = await checkRows(damaged(store, letters.join('')), {})
    expect(check.damaged.map(({ kind }) => kind)).not.toContain('rows that cannot be told')
    expect(check.checked).toBe(letters.length)
  })

  it('ends with its signal', async () => {
    const { replica } = await written()
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(replica.checkRows({ signal })).rejects.toThrow('enough')
  })
})
