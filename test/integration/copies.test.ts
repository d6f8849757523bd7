/*
 * Stores that are copied and put back as people and backups do it, with programs that go on in them. Each goes on under
 * a new name, or is proven to have written twice under one; nothing that anybody acknowledged is lost; owners are told.
 */
import { cp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { homeAt } from 'cis-memory'
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { App } from './support/app.ts'
import { Device, records } from './support/device.ts'
import { Sandbox } from './support/sandbox.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

interface Entry {
  readonly path: string
  readonly entryId: string
  readonly actor: string
  readonly isLocal: boolean
}

let sandbox: Sandbox
/** Listens, and is never copied. */
let peer: App
let address: string
/** Belongs to the same space, and is copied. */
let original: App

beforeEach(async () => {
  sandbox = await Sandbox.create()
  onTestFinished(() => sandbox[Symbol.asyncDispose]())
  peer = App.start(sandbox, 'peer')
  await peer.ask('init', { device: 'peer' })
  await peer.ask('open')
  address = (await peer.ask<string[]>('listen'))[0] ?? ''
  original = App.start(sandbox, 'original')
  await original.ask('join', { code: await peer.ask('invite'), device: 'original' })
  await start(original)
  await put(original, 'shared', 'before')
  await sync(original)
})

/** Opens the home of a program and goes on the network. */
async function start(app: App): Promise<App> {
  await app.ask('open')
  return goOnline(app)
}

/** It connects to whom it knows by itself from then on. */
async function goOnline(app: App): Promise<App> {
  await app.ask('listen', { dialOnly: true })
  return app
}

function put(app: App, path: string, value: unknown): Promise<unknown> {
  return app.ask('put', { path, value })
}

async function sync(app: App): Promise<void> {
  await app.ask('sync', { peer: address })
}

async function state(app: App): Promise<string[]> {
  const entries = await app.ask<Entry[]>('entries')
  return entries.map(({ path, entryId }) => `${path} ${entryId}`).sort()
}

/** Under how many names the devices of this space have written what is live. */
async function actorsOf(app: App): Promise<number> {
  return new Set((await app.ask<Entry[]>('entries')).map(({ actor }) => actor)).size
}

/** What `cp -a` does, but for the socket of whoever is running. */
async function copy(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, preserveTimestamps: true, filter: (path) => !path.endsWith('.sock') })
}

interface Told {
  readonly kind: string
  readonly reason?: string
  readonly deviceName?: string
}

async function notices(app: App): Promise<Told[]> {
  return app.ask<Told[]>('notices')
}

/** Ends all programs and syncs each home once more; all have the same then, with these memories. */
async function expectAllIn(apps: readonly App[], paths: readonly string[]): Promise<void> {
  for (let round = 0; round < 2; round++) for (const app of apps) await sync(app)
  const expected = await state(peer)
  for (const app of [peer, ...apps]) {
    expect(await app.ask('missing', { paths })).toEqual([])
    expect(await state(app)).toEqual(expected)
  }
}

it('a backup that is put back goes on under a new name, gets back what it lacks, and its owner is told once by whoever opens it and for good by `cis status`', async () => {
  const backup = join(sandbox.directory, 'backup')
  await put(original, 'private-too', 1)
  await original.ask('put', { domain: 'private', path: 'mine', value: 'before' })
  await original.close()
  await copy(original.home, backup)
  const again = await start(App.start(sandbox, 'original'))
  await put(again, 'after', 'the backup')
  await sync(again)
  await again.close()
  await rm(again.home, { recursive: true })
  await copy(backup, again.home)

  const cis = await Device.empty(sandbox, 'original')
  const first = await cis.cis(['--scope', '/', 'memory', 'set', 'restored', 'yes'])
  expect(first.exitCode).toBe(0)
  expect(first.stderr).toContain('Notice: this store is a copy, or was put back from a backup.')
  const status = await cis.cis(['--json', '--scope', '/', 'status'])
  expect(status.stderr).toBe('')
  expect(records(status.stdout)).toMatchObject([
    { notices: [{ kind: 'epoch', reason: 'copied-or-restored' }] }
  ])
  expect(await cis.must(['--scope', '/', 'status'])).toMatch(/^notice +this store is a copy/m)

  const restored = await start(App.start(sandbox, 'original'))
  await expectAllIn([restored], ['shared', 'private-too', 'after', 'restored'])
  expect(await restored.ask('holds', { domain: 'private', path: 'mine', value: 'before' })).toBe(true)
  expect(await actorsOf(peer)).toBe(2)
  expect(await notices(peer)).toEqual([])
})

it('a copy of a running store and the store itself both write on; the copy has a new name, and its owner is told', async () => {
  await put(original, 'acknowledged', 1)
  const copied = join(sandbox.directory, 'copied')
  await copy(original.home, copied)
  const twin = await start(App.start(sandbox, 'copied'))
  expect(await notices(twin)).toMatchObject([{ kind: 'epoch', reason: 'copied-or-restored' }])
  expect(await notices(original)).toEqual([])
  for (const app of [original, twin]) {
    for (let n = 0; n < 5; n++) await put(app, `of/${app.home === copied ? 'twin' : 'original'}/${n}`, n)
  }
  const paths = [0, 1, 2, 3, 4].flatMap((n) => [`of/twin/${n}`, `of/original/${n}`])
  await expectAllIn([original, twin], ['shared', 'acknowledged', ...paths])
  expect(await actorsOf(peer)).toBe(2)
  for (const app of [peer, original]) expect(await notices(app)).toEqual([])
})

/**
 * Puts rows back to what they were, so that nothing on this machine shows it: the program died, and neither its lease
 * nor the directory was touched. A virtual machine that is reset does the same. It is open again, and off the network.
 */
async function rollBack(app: App, meanwhile: () => Promise<void>): Promise<App> {
  const rows = join(homeAt(app.home).storeDirectory, 'rows')
  const backup = join(sandbox.directory, 'rows')
  await copy(rows, backup)
  await meanwhile()
  await app.crash()
  for (const name of await readdir(rows)) await rm(join(rows, name))
  await copy(backup, rows)
  const again = App.start(sandbox, 'original')
  await again.ask('open')
  expect(await notices(again)).toEqual([])
  return again
}

it('a store that was set back behind its own back learns it from a peer before it writes: no fork, nothing lost', async () => {
  const again = await rollBack(original, async () => {
    await put(original, 'lost-here', 1)
    await sync(original)
  })
  await goOnline(again)
  await sync(again)
  expect(await notices(again)).toMatchObject([{ kind: 'epoch', reason: 'written-elsewhere' }])
  await put(again, 'afterwards', 1)
  await expectAllIn([again], ['shared', 'lost-here', 'afterwards'])
  expect(await notices(peer)).toEqual([])
})

it('P16: one that wrote before it learned that has forked: both writes are kept, everybody has the proof, all owners are told', async () => {
  const again = await rollBack(original, async () => {
    await put(original, 'first-time', 1)
    await sync(original)
  })
  await put(again, 'second-time', 1)
  await put(again, 'third-time', 1)
  await again.close()
  const cis = await Device.empty(sandbox, 'original')
  const synced = await cis.cis(['--scope', '/', 'memory', 'sync', '--peer', address])
  expect(synced.stderr).toContain('Notice: two copies of the store of original have written under one name.')
  const told = await start(App.start(sandbox, 'original'))
  await expectAllIn([told], ['shared', 'first-time', 'second-time', 'third-time'])
  for (const app of [peer, told]) {
    expect(await notices(app)).toContainEqual(
      expect.objectContaining({ kind: 'fork', deviceName: 'original' })
    )
  }
})
