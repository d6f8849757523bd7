/*
 * What befalls a home while a program works in it: each is told by its code, nothing that was acknowledged is lost, and
 * once the trouble is over the program goes on without any repair.
 */
import { chmod, chown, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { App, AppError, type AppOptions } from './support/app.ts'
import { Sandbox } from './support/sandbox.ts'

const MINUTE_MS = 60 * 1000
const DAY_MS = 24 * 60 * MINUTE_MS
/** A limit on the size of files stands for a full disk. Room for a store, and for some of what is written. */
const MAX_FILE_BYTES = 200_000
const FILL = { prefix: 'fill', count: 400, valueBytes: 2_000 }
const FILLED = Array.from({ length: FILL.count }, (_, i) => `${FILL.prefix}/${i}`)
/** An account without rights, for tests that run as one that may do anything. */
const NOBODY = 65_534

// Each starts several programs, which takes as long as the machine is busy.
vi.setConfig({ testTimeout: 120_000 })

const onPosix = it.skipIf(process.platform === 'win32')

async function newSandbox(): Promise<Sandbox> {
  const sandbox = await Sandbox.create()
  onTestFinished(() => sandbox[Symbol.asyncDispose]())
  return sandbox
}

/** A program that has its home open. */
async function opened(sandbox: Sandbox, name: string, options: AppOptions = {}): Promise<App> {
  const app = App.start(sandbox, name, options)
  await app.ask('open')
  return app
}

/** Two programs of one space, and where the second reaches the first. */
async function pair(sandbox: Sandbox): Promise<{ a: App; b: App; address: string }> {
  const a = await opened(sandbox, 'a')
  const [address = ''] = await a.ask<string[]>('listen')
  const b = App.start(sandbox, 'b')
  await b.ask('join', { code: await a.ask('invite'), device: 'b' })
  await b.ask('open')
  await b.ask('listen', { dialOnly: true })
  return { a, b, address }
}

/** The code with which an operation is refused. */
async function codeOf(asked: Promise<unknown>): Promise<string | undefined> {
  const error = await asked.then(
    () => undefined,
    (thrown: unknown) => thrown
  )
  expect(error).toBeInstanceOf(AppError)
  return (error as AppError).code
}

async function live(app: App): Promise<string[]> {
  const entries = await app.ask<{ path: string; entryId: string }[]>('entries')
  return entries.map(({ path, entryId }) => `${path} ${entryId}`).sort()
}

describe('a disk that is full', () => {
  onPosix(
    'refuses a write, keeps what was acknowledged, and is written to again once there is room',
    async () => {
      const sandbox = await newSandbox()
      const app = await opened(sandbox, 'a', { maxFileBytes: MAX_FILE_BYTES })
      await app.ask('put', { path: 'kept', value: 1 })
      expect(await codeOf(app.ask('fill', FILL))).toBe('STORE_WRITE_FAILED')
      expect(await codeOf(app.ask('put', { path: 'next', value: 1 }))).toBe('CORE_CLOSED')
      expect(await app.ask('holds', { path: 'kept', value: 1 })).toBe(true)
      const acknowledged = app.wrote.map(({ path }) => path)
      expect(acknowledged.length).toBeGreaterThan(0)
      await app.close()

      const again = await opened(sandbox, 'a')
      expect(await again.ask('missing', { paths: ['kept', ...acknowledged] })).toEqual([])
      await again.ask('put', { path: 'next', value: 2 })
      await again.close()
    }
  )

  onPosix('ends a sync of whoever receives, and the next one brings what is missing', async () => {
    const sandbox = await newSandbox()
    const { a, b, address } = await pair(sandbox)
    await a.ask('fill', FILL)
    await b.close()
    const full = await opened(sandbox, 'b', { maxFileBytes: MAX_FILE_BYTES })
    await full.ask('listen', { dialOnly: true })
    expect(await codeOf(full.ask('sync', { peer: address }))).toBe('STORE_WRITE_FAILED')
    await full.close()

    const again = await opened(sandbox, 'b')
    await again.ask('listen', { dialOnly: true })
    await again.ask('sync', { peer: address })
    expect(await again.ask('missing', { paths: FILLED })).toEqual([])
    expect(await live(again)).toEqual(await live(a))
  })
})

describe('a home that cannot be written', () => {
  onPosix('is not opened, stays as it is, and opens once it can be', async () => {
    const sandbox = await newSandbox()
    const before = await opened(sandbox, 'a')
    await before.ask('put', { path: 'kept', value: 1 })
    await before.close()
    const folders = [before.home, join(before.home, 'store'), join(before.home, 'store', 'rows')]
    const app = App.start(sandbox, 'a')
    if (process.geteuid?.() === 0) {
      for (const path of [sandbox.directory, before.home, ...(await allBelow(before.home))])
        await chown(path, NOBODY, NOBODY)
      await app.ask('demote', { id: NOBODY })
    }
    for (const folder of folders) await chmod(folder, 0o500)
    expect(await codeOf(app.ask('open'))).toBe('STORE_NOT_WRITABLE')
    for (const folder of folders) await chmod(folder, 0o700)
    await app.ask('open')
    expect(await app.ask('holds', { path: 'kept', value: 1 })).toBe(true)
  })
})

describe('a home that vanishes while it is open', () => {
  onPosix('takes no further write, and has all that was acknowledged when it is back', async () => {
    const sandbox = await newSandbox()
    const app = await opened(sandbox, 'a')
    await app.ask('fill', { ...FILL, count: 20 })
    const elsewhere = join(sandbox.directory, 'elsewhere')
    await rename(app.home, elsewhere)
    expect(await codeOf(app.ask('put', { path: 'late', value: 1 }))).toBe('STORE_MOVED')
    expect(await codeOf(app.ask('put', { path: 'later', value: 1 }))).toBe('CORE_CLOSED')
    await app.close()
    await rename(elsewhere, app.home)

    const again = await opened(sandbox, 'a')
    expect(await again.ask('missing', { paths: app.wrote.map(({ path }) => path) })).toEqual([])
    expect(again.child.stderr).toBe('')
  })
})

describe('a home with several openers', () => {
  it('is had by one of them; the others are told by which, and it goes on undisturbed', async () => {
    const sandbox = await newSandbox()
    const apps = [1, 2, 3].map(() => App.start(sandbox, 'a'))
    const openings = await Promise.allSettled(apps.map((app) => app.ask('open')))
    const winners = apps.filter((_, i) => openings[i]?.status === 'fulfilled')
    expect(winners).toHaveLength(1)
    const [winner] = winners as [App]
    for (const opening of openings) {
      if (opening.status === 'fulfilled') continue
      expect(opening.reason).toMatchObject({ code: 'STORE_LOCKED' })
    }
    await winner.ask('put', { path: 'mine', value: 1 })
    const late = App.start(sandbox, 'a')
    const error = await late.ask('open').catch((reason: unknown) => reason)
    expect((error as AppError).message).toContain(`process ${winner.child.pid} has this store open`)
    await winner.crash()
    await late.ask('open')
    expect(await late.ask('holds', { path: 'mine', value: 1 })).toBe(true)
  })
})

describe('a clock', () => {
  it('that is set back by minutes changes nothing: what is written later replaces, here and elsewhere', async () => {
    const sandbox = await newSandbox()
    const { a, b, address } = await pair(sandbox)
    await a.ask('put', { path: 'key', value: 'before' })
    await a.ask('clock', { offsetMs: -5 * MINUTE_MS })
    await a.ask('put', { path: 'key', value: 'after' })
    await b.ask('sync', { peer: address })
    expect(await b.ask('holds', { path: 'key', value: 'after' })).toBe(true)
    await b.ask('put', { path: 'key', value: 'from b' })
    await b.ask('sync', { peer: address })
    expect(await a.ask('holds', { path: 'key', value: 'from b' })).toBe(true)
    await a.ask('put', { path: 'key', value: 'once more' })
    await b.ask('sync', { peer: address })
    expect(await b.ask('holds', { path: 'key', value: 'once more' })).toBe(true)
    expect([await a.ask('conflicts'), await b.ask('conflicts')]).toEqual([[], []])
  })

  it('that is set back by a month is told of where it would rewrite the future: CORE_CLOCK_AHEAD', async () => {
    const sandbox = await newSandbox()
    const { a, b } = await pair(sandbox)
    await a.ask('put', { path: 'key', value: 'before' })
    await a.close()
    const again = await opened(sandbox, 'a', { clockOffsetMs: -30 * DAY_MS })
    expect(await again.ask('holds', { path: 'key', value: 'before' })).toBe(true)
    expect(await codeOf(again.ask('put', { path: 'key', value: 'after' }))).toBe('CORE_CLOCK_AHEAD')
    await again.ask('put', { path: 'other', value: 1 })
    const [newAddress = ''] = await again.ask<string[]>('listen')
    await b.ask('sync', { peer: newAddress })
    expect(await b.ask('missing', { paths: ['key', 'other'] })).toEqual([])
    await again.ask('clock', { offsetMs: 0 })
    await again.ask('put', { path: 'key', value: 'after' })
    expect(await again.ask('conflicts')).toEqual([])
  })

  it('that was a month ahead is told of: CORE_CLOCK_AHEAD there, and others wait with what it wrote', async () => {
    const sandbox = await newSandbox()
    const { a, b, address } = await pair(sandbox)
    await a.ask('put', { path: 'key', value: 'in time' })
    await b.ask('sync', { peer: address })
    await a.ask('clock', { offsetMs: 30 * DAY_MS })
    await a.ask('put', { path: 'key', value: 'ahead' })
    await b.ask('sync', { peer: address })
    expect(await b.ask('holds', { path: 'key', value: 'in time' })).toBe(true)
    await a.ask('clock', { offsetMs: 0 })
    await a.ask('state', { path: 'key' })
    expect(await codeOf(a.ask('put', { path: 'key', value: 'too early' }))).toBe('CORE_CLOCK_AHEAD')
    await a.ask('put', { path: 'other', value: 1 })
    await b.ask('sync', { peer: address })
    expect(await b.ask('missing', { paths: ['other'] })).toEqual([])
    await b.close()
    // What waited is applied when its time has come, without anybody sending it again.
    const later = await opened(sandbox, 'b', { clockOffsetMs: 31 * DAY_MS })
    expect(await later.ask('holds', { path: 'key', value: 'ahead' })).toBe(true)
  })
})

async function allBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true })
  return entries.map((entry) => join(directory, entry))
}
