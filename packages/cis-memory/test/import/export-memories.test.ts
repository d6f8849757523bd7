import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Doc } from 'yjs'
import { importItems } from '../../src/import/import-items.ts'
import {
  type CisSession,
  exportMemories,
  importMemories,
  keyFile,
  type Memory,
  openMemory,
  openSession
} from '../../src/index.ts'
import { collect, contested } from '../devices.ts'
import { temporaryDirectory } from '../temporary.ts'

interface Place {
  readonly memory: Memory
  readonly session: CisSession
}

async function place(scope: string): Promise<Place> {
  const directory = join(await temporaryDirectory(), 'home')
  const memory = await openMemory({ directory, key: keyFile(join(directory, 'key')), scope })
  onTestFinished(() => memory.close())
  const session = await openSession({ home: directory, scope })
  onTestFinished(() => session.close())
  return { memory, session }
}

/** What `cis memory export` prints. */
async function exported(session: CisSession, options = {}): Promise<string> {
  const memories = await collect(exportMemories(session, options))
  return memories.map((memory) => `${JSON.stringify(memory)}\n`).join('')
}

async function* inChunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function imported(session: CisSession, text: string, options = {}): Promise<string[]> {
  const outcomes = await collect(importMemories(session, { source: inChunks(text, 7), ...options }))
  return outcomes.map(({ outcome, domain, path, code }) =>
    [outcome, domain, path, code].filter((part) => part !== undefined).join(' ')
  )
}

async function filled(): Promise<Place> {
  const from = await place('/acme/web')
  const { memory } = from
  await memory.public.put(
    '配置/timeout',
    { seconds: 30, tags: ['a', null] },
    { tags: ['config'], category: 'ops' }
  )
  await memory.public.put('logo', Uint8Array.of(0, 255), { contentType: 'image/png' })
  await memory.public.put('nothing', null, { agent: 'tuner', expiresAt: Date.UTC(2100, 0) })
  await memory.private.put('mine', 'line\nline')
  return from
}

describe('an export', () => {
  it('is read back into another scope as it was, and a second time changes nothing', async () => {
    const text = await exported((await filled()).session)
    const to = await place('/elsewhere')
    const paths = ['public 配置/timeout', 'public logo', 'public nothing', 'private mine']
    expect((await imported(to.session, text)).sort()).toEqual(paths.map((path) => `created ${path}`).sort())
    expect(await to.memory.public.get('配置/timeout')).toMatchObject({
      value: { seconds: 30, tags: ['a', null] },
      version: { tags: ['config'], category: 'ops', contentType: 'application/json' }
    })
    const logo = await to.memory.public.get('logo')
    expect(logo).toMatchObject({ value: Uint8Array.of(0, 255), version: { contentType: 'image/png' } })
    expect(await to.memory.public.get('nothing')).toMatchObject({
      value: null,
      version: { expiresAt: Date.UTC(2100, 0) }
    })
    expect(await to.memory.private.get('mine')).toMatchObject({ value: 'line\nline' })

    expect((await imported(to.session, text)).sort()).toEqual(paths.map((path) => `unchanged ${path}`).sort())
    const lines = (whole: string): unknown[] =>
      whole
        .trim()
        .split('\n')
        .map((line) => ({ ...JSON.parse(line), agent: '', device: '', writtenAt: '' }))
    const again = await exported(to.session)
    expect(lines(again)).toEqual(expect.arrayContaining(lines(text)))
    expect(lines(again)).toHaveLength(4)
  })

  it('names its writer and has only what was asked for', async () => {
    const { session } = await filled()
    const [nothing] = await collect(exportMemories(session, { prefix: 'nothing' }))
    expect(nothing).toMatchObject({
      type: 'memory',
      path: 'nothing',
      kind: 'value',
      value: null,
      agent: 'tuner'
    })
    expect(nothing?.writtenAt).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
    const own = await collect(exportMemories(session, { domain: 'private' }))
    expect(own.map(({ path, domain }) => `${domain} ${path}`)).toEqual(['private mine'])
  })

  it('replaces what an import wrote, labels included, and leaves alone what somebody has changed since', async () => {
    const from = await filled()
    const to = await place('/elsewhere')
    await imported(to.session, await exported(from.session))
    await to.memory.public.put('logo', 'by hand', { overwrite: true })
    await from.memory.public.put('logo', Uint8Array.of(1))
    await from.memory.public.put('nothing', null, { tags: ['new'] })
    await from.memory.private.put('mine', 'other')
    const text = await exported(from.session)
    expect((await imported(to.session, text, { dryRun: true })).sort()).toEqual(
      (await imported(to.session, text)).sort()
    )
    expect((await imported(to.session, text)).sort()).toEqual([
      'refused public logo CORE_STALE_BASE',
      'unchanged private mine',
      'unchanged public nothing',
      'unchanged public 配置/timeout'
    ])
    expect(await to.memory.public.get('logo')).toMatchObject({ value: 'by hand' })
    expect(await to.memory.public.get('nothing')).toMatchObject({ version: { tags: ['new'] } })
  })

  it('goes below a prefix and into one domain when told to', async () => {
    const text = await exported((await filled()).session)
    const to = await place('/elsewhere')
    const outcomes = await imported(to.session, text, { prefix: 'old', domain: 'private' })
    expect(outcomes.every((outcome) => outcome.startsWith('created private old/'))).toBe(true)
    expect(await collect(to.memory.public.list())).toEqual([])
  })

  it('of a document merges into the one that is there', async () => {
    const [from, to] = [await place('/a'), await place('/b')]
    const write = async ({ memory }: Place, word: string): Promise<void> => {
      await using document = await memory.public.doc('notes')
      document.doc.getMap('words').set(word, true)
    }
    await write(from, 'here')
    const text = await exported(from.session)
    expect(await imported(to.session, text, { dryRun: true })).toEqual(['created public notes'])
    expect(await imported(to.session, text)).toEqual(['created public notes'])
    await write(to, 'there')
    expect(await imported(to.session, text)).toEqual(['unchanged public notes'])
    await write(from, 'later')
    expect(await imported(to.session, await exported(from.session))).toEqual(['updated public notes'])
    await using document = await to.memory.public.doc('notes')
    expect(document.doc).toBeInstanceOf(Doc)
    expect([...document.doc.getMap('words').keys()].sort()).toEqual(['here', 'later', 'there'])
  })

  it('has every version of what is contested, which an import leaves out', async () => {
    const { laptop, id } = await contested()
    const versions = await collect(exportMemories(laptop.session))
    expect(versions.map(({ path, value, conflict, device }) => [path, value, conflict, device])).toEqual([
      ['config/timeout', 60, id, 'laptop'],
      ['config/timeout', 90, id, 'desktop']
    ])
    const to = await place('/elsewhere')
    const text = await exported(laptop.session)
    expect(await imported(to.session, text)).toEqual(['refused public config/timeout CORE_CONTESTED'])
  })
})

describe('an import', () => {
  it('settles nothing that only a policy of this device has decided', async () => {
    const { memory } = await place('/acme')
    const read = await memory.public.get('a')
    const decided = {
      ...read,
      state: 'value',
      value: 1,
      version: {},
      settledBy: { conflict: { id: 'k7q2' } }
    }
    const stub = Object.create(memory, { public: { value: { get: async () => decided } } }) as Memory
    const outcomes = await importItems({ memory: stub, domain: undefined }, [{ path: 'a', value: 2 }], {
      dryRun: false,
      signal: new AbortController().signal
    })
    expect(outcomes).toMatchObject([{ outcome: 'refused', code: 'CORE_CONTESTED' }])
  })
})

describe('JSON lines', () => {
  it('of the MCP memory server make one memory an entity, with what leads from it', async () => {
    const { session, memory } = await place('/acme')
    const text = [
      '{"type":"entity","name":"John_Smith","entityType":"person","observations":["Speaks Spanish"]}',
      '{"type":"relation","from":"John_Smith","to":"Anthropic","relationType":"works_at"}',
      '{"type":"entity","name":"R/D","entityType":"","observations":[]}',
      '{"type":"relation","from":"R-D","to":"R/D","relationType":"is"}',
      ''
    ].join('\r\n')
    const created = ['created public John_Smith', 'created public R-D', 'created public R-D-2']
    expect(await imported(session, text)).toEqual(created)
    expect(await memory.public.get('John_Smith')).toMatchObject({
      value: {
        name: 'John_Smith',
        entityType: 'person',
        observations: ['Speaks Spanish'],
        relations: [{ relationType: 'works_at', to: 'Anthropic' }]
      },
      version: { category: 'person' }
    })
    expect(await imported(session, text)).toEqual(created.map((line) => line.replace('created', 'unchanged')))
  })

  it.each([
    ['{"type":"memory","path":"a","value":1}\nnot JSON', ':2: a line is one JSON object'],
    ['[]', ':1: a line is one JSON object'],
    ['{"type":"note"}', ':1: type must be "memory", "entity" or "relation"'],
    ['{"type":"memory","value":1}', ':1: path is missing: it must be a text'],
    ['{"type":"memory","path":"a"}', ':1: value is missing'],
    ['{"type":"memory","path":"a","valueBase64":"?"}', ':1: valueBase64 must be base64'],
    ['{"type":"memory","path":"a","value":1,"expiresAt":"soon"}', ':1: expiresAt must be a time such as'],
    ['{"type":"entity","name":"a","observations":[1]}', ':1: entityType is missing: it must be a text; obs'],
    ['\xff\xfe', ': it is not UTF-8']
  ])('that are none end the import with the line and the reason: %j', async (text, message) => {
    const { session } = await place('/acme')
    const source = (async function* () {
      yield Buffer.from(text, 'latin1')
    })()
    await expect(collect(importMemories(session, { source }))).rejects.toMatchObject({
      code: 'CIS_IMPORT_MALFORMED',
      message: expect.stringContaining(`standard input${message}`)
    })
  })

  it('refuse a name or a label that is not allowed, and go on', async () => {
    const { session } = await place('/acme')
    const text = [
      { path: '/elsewhere/a', value: 1 },
      { path: 'b', value: 1, category: 'x'.repeat(300) },
      { path: 'c', value: 'x'.repeat(3_000_000) },
      { path: 'd', value: 1 },
      { path: 'd', value: 2 }
    ].map((line) => JSON.stringify({ type: 'memory', ...line }))
    const source = inChunks(text.join('\n'), 100_000)
    const outcomes = await collect(importMemories(session, { source }))
    expect(outcomes.map(({ outcome, path, code, done }) => [done, outcome, path, code])).toEqual([
      [1, 'refused', '/elsewhere/a', 'CORE_BAD_PATH'],
      [2, 'refused', 'b', 'CORE_BAD_OPTION'],
      [3, 'refused', 'c', 'CORE_VALUE_TOO_LARGE'],
      [4, 'created', 'd', undefined],
      [5, 'updated', 'd', undefined]
    ])
  })

  it('have lines of bounded length', async () => {
    const { session } = await place('/acme')
    const source = (async function* () {
      for (;;) yield 'x'.repeat(1024 * 1024)
    })()
    await expect(collect(importMemories(session, { source }))).rejects.toMatchObject({
      code: 'CIS_IMPORT_TOO_LARGE'
    })
  })
})
