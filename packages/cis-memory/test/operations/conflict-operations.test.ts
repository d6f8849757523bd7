import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { keyFile, openMemory, openSession } from '../../src/index.ts'
import { collect, contested, type Device, sync } from '../devices.ts'

const PATH = 'config/timeout'

async function showAt({ session }: Device) {
  return session.call('conflicts.show', { conflict: PATH })
}

/** A conflict that one device has settled, and both know of it. */
async function settled() {
  const devices = await contested()
  const { desktop, id } = devices
  await desktop.session.call('conflicts.resolve', { id, choice: { keep: 'local' }, agent: 'owner' })
  await sync(desktop)
  return devices
}

describe('a conflict that was settled', () => {
  it('is listed on every device, with what it was between and who settled it', async () => {
    const { laptop, desktop, id } = await settled()
    for (const { session } of [laptop, desktop]) {
      expect(await collect(session.stream('conflicts.settled', {}))).toMatchObject([
        {
          id,
          path: '/acme/web/config/timeout',
          kind: 'edit',
          settledBy: { by: 'resolution', deviceName: 'desktop', agent: 'owner' },
          versions: [{ deviceName: 'laptop', agent: 'tuner' }, { deviceName: 'desktop' }]
        }
      ])
      expect(await collect(session.stream('conflicts.settled', { since: Date.now() + 60_000 }))).toEqual([])
    }
  })

  it('is taken back by its id on the other device, and tells who wrote what at first', async () => {
    const { laptop, desktop, id } = await settled()
    await laptop.session.call('conflicts.undo', { conflict: id, agent: 'owner' })
    await sync(desktop)
    for (const device of [laptop, desktop]) {
      expect(await showAt(device)).toMatchObject({
        conflict: { kind: 'reopened', versions: [{ value: 60 }, { value: 90 }] },
        ancestor: { value: 30 },
        origins: [
          { deviceName: 'laptop', agent: 'tuner' },
          { deviceName: 'desktop', agent: undefined }
        ]
      })
    }
  })

  it('keeps telling who wrote what at first when it is settled and taken back again', async () => {
    const { laptop, id } = await settled()
    await laptop.session.call('conflicts.undo', { conflict: id })
    const { conflict } = await showAt(laptop)
    const choice = { keep: conflict.versions[0]!.entryId, index: conflict.versions[1]!.index }
    await laptop.session.call('conflicts.resolve', { id: conflict.id, choice })
    await laptop.session.call('conflicts.undo', { conflict: conflict.id })
    expect((await showAt(laptop)).origins.map((origin) => origin?.deviceName)).toEqual(['laptop', 'desktop'])
  })

  it('is not taken back by its id once something was written on top', async () => {
    const { laptop, id } = await settled()
    await laptop.session.call('memory.set', { path: PATH, value: 'later' })
    await expect(laptop.session.call('conflicts.undo', { conflict: id })).rejects.toMatchObject({
      code: 'CORE_STALE_BASE'
    })
    expect(await laptop.session.call('memory.get', { path: PATH })).toMatchObject({ value: 'later' })
  })
})

describe('restore', () => {
  it('writes back any version of the history, and nothing while the memory is contested', async () => {
    const { laptop, id } = await contested()
    const history = await collect(laptop.session.stream('memory.history', { path: PATH }))
    const { entryId } = history.find(({ version }) => version.value === 30)!.version
    const restoring = () => laptop.session.call('memory.restore', { path: PATH, entryId, agent: 'owner' })
    await expect(restoring()).rejects.toMatchObject({ code: 'CORE_CONTESTED' })
    await laptop.session.call('conflicts.resolve', { id, choice: { keep: 'local' } })
    await restoring()
    expect(await laptop.session.call('memory.get', { path: PATH })).toMatchObject({
      value: 30,
      version: { agent: 'owner' }
    })
  })

  it('stays in the domain that was asked for', async () => {
    const { laptop } = await contested()
    await laptop.session.call('memory.set', { path: 'mine', value: 1, domain: 'private' })
    const history = laptop.session.stream('memory.history', { path: 'mine', domain: 'private' })
    const { entryId } = (await collect(history))[0]!.version
    await laptop.session.call('memory.set', { path: 'mine', value: 2, domain: 'private' })
    await laptop.session.call('memory.restore', { path: 'mine', entryId, domain: 'private' })
    expect(await laptop.session.call('memory.get', { path: 'mine', domain: 'private' })).toMatchObject({
      value: 1
    })
  })
})

describe('what conflicts come to', () => {
  it('is counted by key and by devices', async () => {
    const { laptop } = await contested()
    expect(await laptop.session.call('conflicts.stats', {})).toMatchObject({
      open: 1,
      settled: 0,
      byPath: [{ path: '/acme/web/config/timeout', count: 1 }],
      byDevices: [{ count: 1 }]
    })
    expect(await laptop.session.call('conflicts.stats', { prefix: 'elsewhere' })).toMatchObject({ open: 0 })
  })
})

describe('a merge that is proposed', () => {
  it('cannot be had where nothing merges', async () => {
    const { laptop, id } = await contested()
    expect(await showAt(laptop)).toMatchObject({ canPropose: false, proposal: undefined })
    await expect(laptop.session.call('conflicts.propose', { id })).rejects.toMatchObject({
      code: 'CIS_NO_MODEL'
    })
  })

  it('comes from the program that has the store open, is shown, and is taken or refused by its owner', async () => {
    const { laptop, desktop, id } = await contested()
    await Promise.all([laptop, desktop].map(({ session }) => session.close()))
    let asked = 0
    await using memory = await openMemory({
      directory: laptop.home,
      key: keyFile(join(laptop.home, 'key')),
      scope: '/',
      merger: async ({ conflict, ancestor }) => {
        asked++
        const values = conflict.versions.map(({ value }) => Number(value))
        return { value: { values, before: Number(ancestor?.value) }, model: 'adder-1', promptHash: 'p1' }
      }
    })
    const session = await openSession({ home: laptop.home, scope: '/acme/web' })
    onTestFinished(() => session.close())
    expect(session.via).toBe('socket')
    const shown = () => session.call('conflicts.show', { conflict: id })
    expect(await shown()).toMatchObject({ canPropose: true, proposal: undefined })
    const proposal = await session.call('conflicts.propose', { id })
    expect(proposal).toMatchObject({ value: { values: [60, 90], before: 30 }, model: 'adder-1' })
    expect(await shown()).toMatchObject({ proposal: { model: 'adder-1' } })
    await session.call('conflicts.refuse', { id })
    expect(await shown()).toMatchObject({ proposal: undefined })
    const refused = session.call('conflicts.resolve', { id, choice: { keep: 'proposal' } })
    await expect(refused).rejects.toMatchObject({ code: 'CORE_PROPOSAL_NOT_FOUND' })
    await session.call('conflicts.propose', { id })
    await session.call('conflicts.resolve', { id, choice: { keep: 'proposal' } })
    expect(await memory.public.get('acme/web/config/timeout')).toMatchObject({ value: { values: [60, 90] } })
    expect(asked).toBe(2)
  })
})

describe('a conflict that a policy decides', () => {
  it('is shown with the policy, and counts as open nowhere', async () => {
    const { laptop, desktop, id } = await contested()
    await Promise.all([laptop, desktop].map(({ session }) => session.close()))
    const directory = laptop.home
    const key = keyFile(join(directory, 'key'))
    await using _memory = await openMemory({ directory, key, scope: '/', conflict: { mode: 'auto_lww' } })
    const session = await openSession({ home: directory, scope: '/acme/web' })
    onTestFinished(() => session.close())
    expect(await session.call('conflicts.show', { conflict: PATH })).toMatchObject({
      conflict: { id },
      policy: 'auto_lww'
    })
    expect(await session.call('conflicts.count', {})).toBe(0)
    expect(await collect(session.stream('conflicts.settled', {}))).toMatchObject([
      { id, settledAt: undefined, settledBy: { by: 'policy', mode: 'auto_lww' } }
    ])
  })
})
