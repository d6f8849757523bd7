import { describe, expect, it } from 'vitest'
import { applyUpdate, Doc } from 'yjs'
import type { ConflictMode, MemoryDoc } from '../../src/index.ts'
import { fsck } from '../support/fsck.ts'
import { collect, type Device, devices, pull, syncAll } from '../support/world.ts'

/** What is read at the path: the words of a document, a plain value, or how it stands. */
async function seen({ memory }: Device): Promise<unknown> {
  const read = await memory.public.get('doc')
  if (read.state !== 'value') return read.state
  if (read.version.kind !== 'document') return read.value
  const doc = new Doc()
  applyUpdate(doc, read.value as Uint8Array)
  return doc.getArray('words').toJSON()
}

function type(open: MemoryDoc, word: string): void {
  open.doc.getArray('words').push([word])
}

/**
 * A document that is open on the first device, where a policy counts, and what the second did to it meanwhile.
 *
 * @param last who was the last to write
 */
async function contested(
  mode: ConflictMode,
  { by, last }: { readonly by: 'value' | 'deletion'; readonly last: 'document' | 'other' }
): Promise<[Device, Device, MemoryDoc]> {
  const [a, b] = (await devices(2, '/acme/web', [{ mode }])) as [Device, Device]
  const open = await a.memory.public.doc('doc')
  type(open, 'old')
  await open.flush()
  await syncAll([a, b])
  const later = last === 'document' ? a : b
  later.runtime.nowMs += 5000
  type(open, 'new')
  await open.flush()
  if (by === 'value') await b.memory.public.put('doc', 'plain', { overwrite: true })
  else await b.memory.public.delete('doc', { overwrite: true })
  await pull(a, b)
  for (const { runtime } of [a, b]) runtime.nowMs += 10_000
  return [a, b, open]
}

describe('a document that a policy decides for', () => {
  it.each([
    ['keep_all', 'value', 'document'],
    ['auto_lww', 'value', 'document'],
    ['keep_all', 'deletion', 'other'],
    ['auto_lww', 'deletion', 'document']
  ] as const)(
    'by %s over a %s: its next save settles it for everybody, and history has the rest',
    async (mode, by, last) => {
      const [a, b, open] = await contested(mode, { by, last })
      expect(await seen(a)).toEqual(['old', 'new'])
      type(open, 'more')
      await open.flush()
      await expect(a.memory.getConflict('doc')).rejects.toMatchObject({ code: 'CORE_CONFLICT_NOT_FOUND' })
      await syncAll([a, b])
      for (const device of [a, b]) {
        expect(await seen(device)).toEqual(['old', 'new', 'more'])
        expect(await fsck(device.replica, device.store)).toEqual([])
      }
      const kinds = (await collect(a.memory.public.history('doc'))).map(({ version }) => version.kind)
      expect(kinds).toContain(by === 'value' ? 'value' : 'deleted')
    }
  )

  it('can be opened, though there is a plain value beside it', async () => {
    const [a, , open] = await contested('keep_all', { by: 'value', last: 'document' })
    await open.close()
    await using again = await a.memory.public.doc('doc')
    expect(again.doc.getArray('words').toJSON()).toEqual(['old', 'new'])
  })
})

describe('a document that nothing has decided for', () => {
  it.each([
    ['manual', 'document'],
    ['auto_lww', 'other']
  ] as const)(
    'where the policy is %s: a save beside a value fails, says what to do, and replaces nothing',
    async (mode, last) => {
      const [a, , open] = await contested(mode, { by: 'value', last })
      const { id } = await a.memory.getConflict('doc')
      type(open, 'more')
      await expect(open.flush()).rejects.toMatchObject({
        code: 'CORE_NOT_A_DOCUMENT',
        message: expect.stringContaining('Settle the conflict')
      })
      expect((await a.memory.getConflict('doc')).id).toBe(id)
      await a.memory.resolveConflict(id, { keep: 'local' })
      await open.close()
      expect(await seen(a)).toEqual(['old', 'new', 'more'])
    }
  )

  it('is not settled by what is typed, where the policy reads a deletion', async () => {
    const [a, , open] = await contested('auto_lww', { by: 'deletion', last: 'other' })
    expect(await seen(a)).toBe('absent')
    type(open, 'more')
    await open.flush()
    expect((await a.memory.getConflict('doc')).kind).toBe('delete')
    await open.close()
  })
})
