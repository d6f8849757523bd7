/*
 * What the guide shows a terminal to say, the command says: each of its screens is made again and compared.
 */
import { readFile } from 'node:fs/promises'
import type { EntryId, SettledConflict, ShownConflict } from 'cis-memory/session'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { cis, conflict, NOW, type Scene, shown, version } from './harness.ts'

const GUIDE = new URL('../../../docs/guide/conflicts.md', import.meta.url)
const DOCUMENTS = [
  GUIDE,
  new URL('../README.md', import.meta.url),
  new URL('../../../README.md', import.meta.url)
]

const MINUTE_MS = 60_000
const laptop = { isLocal: true, deviceName: 'laptop', writtenAt: NOW - 40 * MINUTE_MS }
const desktop = { deviceName: 'desktop', agent: 'planner', writtenAt: NOW - 25 * MINUTE_MS }
const tablet = { deviceName: 'tablet', writtenAt: NOW - 12 * MINUTE_MS }
const ANCESTOR = { deviceName: 'desktop', writtenAt: NOW - 3 * 24 * 60 * MINUTE_MS }

const DAY: ShownConflict = shown({
  conflict: conflict({
    detectedAt: NOW - 10 * MINUTE_MS,
    versions: [
      version({ ...laptop, digit: '7', value: 'We deploy on Tuesdays and Fridays.' }),
      version({ ...desktop, digit: '2', value: 'We deploy on Tuesdays, after the tests are green.' })
    ]
  }),
  ancestor: version({ ...ANCESTOR, digit: 'f', value: 'We deploy on Tuesdays.' })
})

const RULE: ShownConflict = shown({
  conflict: conflict({
    id: 'm3p6r2s8u5wy',
    path: '/acme/web/old/rule',
    kind: 'delete',
    detectedAt: NOW - 10 * MINUTE_MS,
    versions: [
      version({ ...laptop, digit: '6', value: 'Ask Ana or Bo before a release.' }),
      version({ ...desktop, digit: '9', kind: 'deleted', value: undefined, agent: undefined })
    ]
  }),
  ancestor: version({ ...ANCESTOR, digit: 'd', value: 'Ask Ana before a release.' })
})

const WEATHER: ShownConflict = shown({
  conflict: conflict({
    id: 'x5b7d3f9h2jk',
    path: '/acme/web/notes/天気',
    detectedAt: NOW - 10 * MINUTE_MS,
    versions: [
      version({ ...laptop, digit: 'c', value: '今日は天気がいい。明日は雪が降るでしょう。' }),
      version({ ...desktop, digit: '3', value: '今日は天気が悪い。明日は雨が降るでしょう。' }),
      version({ ...tablet, digit: '8', value: '今日は天気がいい。明日は雨が降る。' })
    ]
  }),
  ancestor: version({ ...ANCESTOR, digit: 'e', value: '今日は天気がいい。明日は雨が降るでしょう。' })
})

const SETTLED: SettledConflict = {
  id: DAY.conflict.id,
  path: DAY.conflict.path,
  kind: 'edit',
  detectedAt: NOW - 10 * MINUTE_MS,
  settledAt: NOW - 2 * MINUTE_MS,
  settledBy: { by: 'resolution', entryId: '5'.repeat(32) as EntryId, deviceName: 'laptop', agent: undefined },
  versions: DAY.conflict.versions
}

function scene(columns: number, ...open: ShownConflict[]): Scene {
  const find = (idOrPath: string): ShownConflict =>
    open.find(({ conflict: { id, path } }) => id === idOrPath || path.endsWith(idOrPath))!
  const settle = (idOrPath: string): string => {
    const { path } = find(idOrPath).conflict
    open.splice(open.indexOf(find(idOrPath)), 1)
    return path
  }
  return {
    columns,
    env: { NO_COLOR: '1' },
    isTerminal: true,
    streams: {
      'conflicts.list': () => open.map((each) => each.conflict),
      'conflicts.settled': () => [SETTLED]
    },
    calls: {
      'conflicts.show': ({ conflict: idOrPath }) => find(idOrPath),
      'conflicts.count': () => open.length,
      'conflicts.resolve': ({ id }) => ({
        conflictId: id,
        path: settle(id),
        entryId: '5'.repeat(32) as EntryId,
        alsoWritten: []
      }),
      'conflicts.undo': () => ({ path: DAY.conflict.path, entryId: '4'.repeat(32) as EntryId, replaced: [] }),
      'memory.get': () => ({ state: 'conflict', path: DAY.conflict.path, base: [], conflict: DAY.conflict })
    }
  }
}

/** A terminal after a command line was typed into it. */
async function typed(line: string, given: Scene): Promise<string> {
  const argv = [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word)
  const { screen } = await cis(argv.slice(1), given)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: progress is replaced by what comes after it
  return `$ ${line}\n${screen.replaceAll(/[^\n]*\r\u001b\[K/g, '')}`
}

async function blocks(document: URL, language: string): Promise<string[]> {
  const text = await readFile(document, 'utf8')
  return [...text.matchAll(/^```(\w+)[^\n]*\n([\s\S]*?)^```/gm)].flatMap(([, tag, code = '']) =>
    tag === language ? [code] : []
  )
}

/** Times of day are shown as they are where the reader is. */
beforeAll(() => {
  vi.stubEnv('TZ', 'UTC')
})
afterAll(() => {
  vi.unstubAllEnvs()
})

describe('the guide to conflicts', () => {
  it.each<[line: string, given: Scene]>([
    ['cis memory conflicts list', scene(80, DAY, RULE, WEATHER)],
    ['cis memory conflicts resolve', { ...scene(100, DAY, RULE), keys: ['l', 'l'] }],
    ['cis memory conflicts show notes/天気', scene(80, WEATHER)],
    [
      'cis memory conflicts resolve-all latest --match "notes/**"',
      { ...scene(80, DAY, WEATHER), keys: ['y'] }
    ],
    ['cis memory conflicts list --settled', scene(80)],
    ['cis memory conflicts undo deploy/day', scene(80)]
  ])('shows what a terminal says to: %s', async (line, given) => {
    const screen = await typed(line, given)
    expect(await blocks(GUIDE, 'text')).toContain(screen)
  })

  it('has no screen that is not made again', async () => {
    expect((await blocks(GUIDE, 'text')).filter((block) => block.startsWith('$'))).toHaveLength(6)
  })
})

describe('commands in documents', () => {
  /** Every line that starts with the command, as words. */
  async function commandLines(): Promise<string[][]> {
    const lines = (await Promise.all(DOCUMENTS.map((document) => blocks(document, 'sh')))).flat()
    const screens = (await blocks(GUIDE, 'text')).map((block) => block.split('\n')[0] ?? '')
    return [...lines.join('\n').split('\n'), ...screens]
      .map((line) => /^(?:\$ )?(cis .*?)(?: +#.*)?$/.exec(line)?.[1])
      .filter((line) => line !== undefined)
      .map((line) => [...line.split(/;| [|&>]/)[0]!.matchAll(/"[^"]*"|\S+/g)].map(([word]) => word).slice(1))
  }

  it('are commands, with arguments and options that they have', async () => {
    const lines = await commandLines()
    expect(lines.length).toBeGreaterThan(20)
    for (const words of lines) {
      if (words.includes('demo')) continue
      // What they do fails, since nothing is behind them; how they are called must not.
      const { stderr } = await cis(words, { stdin: '' })
      expect({ words, stderr }).toEqual({
        words,
        stderr: expect.not.stringMatching(
          /unknown (?:command|option)|too many arguments|missing required|choices are/
        )
      })
    }
  })
})
