import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isInAnswer, makeCanary, searchFiles } from '../../src/demo/canary.ts'

describe('the canary', () => {
  const canary = makeCanary()
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cis-canary-'))
    await mkdir(join(folder, 'deep', 'down'), { recursive: true })
    await writeFile(join(folder, 'deep', 'down', 'plain'), `before ${canary.value} after`)
    await writeFile(join(folder, 'wide'), Buffer.from(canary.path, 'utf16le'))
    await writeFile(join(folder, 'nothing'), 'nothing')
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('is found in files, however deep, in UTF-8 and UTF-16', async () => {
    const { files, hits } = await searchFiles(folder, [canary.path, canary.value])
    expect(files).toBe(3)
    expect([...hits].sort()).toEqual([join(folder, 'deep', 'down', 'plain'), join(folder, 'wide')])
  })

  it('is not found where it is not', async () => {
    const { hits } = await searchFiles(folder, [makeCanary().value])
    expect(hits).toEqual([])
  })

  it('is looked for in what is there, while files come and go', async () => {
    const busy = join(folder, 'busy')
    await mkdir(busy)
    const names = Array.from({ length: 200 }, (_, i) => join(busy, `${i}`))
    for (const name of names) await writeFile(name, canary.value)
    const searching = searchFiles(busy, [canary.value])
    await Promise.all(names.slice(180).map((name) => rm(name)))
    const { files, hits } = await searching
    expect(hits.length).toBe(files)
    await rm(busy, { recursive: true })
  })

  it('is found in answers at any depth', () => {
    expect(isInAnswer(canary, [{ items: [{ key: `/a/${canary.path}` }] }])).toBe(true)
    expect(isInAnswer(canary, [{ items: [{ value: `x${canary.value}` }] }])).toBe(true)
    expect(isInAnswer(canary, [{ items: [] }])).toBe(false)
  })
})
