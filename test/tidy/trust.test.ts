import { describe, expect, it } from 'vitest'
import { MUTATIONS } from '../mutations/mutations.ts'
import { type Complaint, type Files, planted, readFiles } from './repository.ts'

const PAGE = 'docs/trust.md'
const PROMISES = Array.from({ length: 34 }, (_, index) => `P${index + 1}`)

/** Where the long runs of the repository say which promise they watch. */
const WATCHERS: Readonly<Record<string, RegExp>> = {
  Sim: /^test\/simulator\/src\/.*\.ts$/,
  Explorer: /^test\/explorer\/src\/.*\.ts$/
}

/** What a test or a group of tests is called. */
const TEST_NAME = /\b(?:it|test|describe)(?:\.each\([\s\S]*?\))?\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*)\1/g

/** A row of the page: a promise, the tests that are said to hold it, and what they are up against. */
interface Row {
  readonly promise: string
  readonly tests: readonly string[]
  /** Which of the long runs are said to watch it. */
  readonly watchers: readonly string[]
  readonly bugs: readonly string[]
}

/** The sources of the long runs. */
type Watched = Readonly<Record<string, string>>

interface Bug {
  readonly name: string
  readonly breaks: readonly string[]
}

function rowsOf(page: string): Row[] {
  const targets = new Map(
    [...page.matchAll(/^\[([^\]]+)\]: \.\.\/(\S+)$/gm)].map(([, name, path]) => [name!, path!])
  )
  return [...page.matchAll(/^\| \*\*([^*]+)\*\*[^|]*\|([^|]*)\|([^|]*)\|$/gm)].map(
    ([, promise, tests, against]) => ({
      promise: promise!,
      tests: [...tests!.matchAll(/\[([^\]]+)\]/g)].map(([, name]) => targets.get(name!) ?? name!),
      watchers: against!.split(/[\s,]+/).filter((word) => word in WATCHERS),
      bugs: [...against!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
    })
  )
}

/** The test files with a name that carries a number. */
function testsOf(promise: string, tests: Files): string[] {
  const carries = new RegExp(`\\b${promise}\\b`)
  return [...tests].flatMap(([path, text]) =>
    [...text.matchAll(TEST_NAME)].some(([, , name]) => carries.test(name!)) ? [path] : []
  )
}

function checkRow(row: Row, tests: Files, bugs: readonly Bug[], watched: Watched): Complaint[] {
  const { promise } = row
  const where = `the row of ${promise} in ${PAGE}`
  const breaking = bugs.filter(({ breaks }) => breaks.includes(promise)).map(({ name }) => name)
  const complaints = [
    ...breaking.filter((name) => !row.bugs.includes(name)).map((name) => `${where} lacks the bug ${name}`),
    ...row.bugs
      .filter((name) => !breaking.includes(name))
      .map((name) => `${where}: ${name} does not break it`)
  ]
  if (!PROMISES.includes(promise)) return complaints
  for (const watcher of row.watchers) {
    if (!watched[watcher]?.includes(`'${promise}: `))
      complaints.push(`${where}: ${watcher} does not watch it`)
  }
  if (row.tests.length === 0) complaints.push(`${where} names no test`)
  const carrying = testsOf(promise, tests)
  const idle = row.tests.filter((path) => !carrying.includes(path))
  return [...complaints, ...idle.map((path) => `${where}: no test in ${path} carries its number`)]
}

function checkTrust(page: string, tests: Files, bugs: readonly Bug[], watched: Watched): Complaint[] {
  const rows = rowsOf(page)
  const promises = rows.map(({ promise }) => promise)
  const broken = new Set(bugs.flatMap(({ breaks }) => breaks))
  return [
    ...[...new Set([...PROMISES, ...broken])].flatMap((promise) => {
      const count = promises.filter((each) => each === promise).length
      return count === 1 ? [] : [`${PAGE} has ${count} rows for ${promise}`]
    }),
    ...rows.flatMap((row) => checkRow(row, tests, bugs, watched))
  ]
}

/** A page with a row for every promise. */
function pageOf(cells: string): string {
  const rows = PROMISES.map((promise) => `| **${promise}** It holds. | ${cells} |`)
  return [...rows, '', '[a]: ../a.test.ts'].join('\n')
}

const ALL_TESTS = planted({ 'a.test.ts': `it('all of it: ${PROMISES.join(' ')}', run)` })

describe('docs/trust.md', () => {
  it('names for each promise tests whose names carry its number, and all bugs that break it', () => {
    const page = readFiles(/^docs\/trust\.md$/).get(PAGE) ?? ''
    const tests = readFiles(/\.test\.ts$/)
    const watched = Object.fromEntries(
      Object.entries(WATCHERS).map(([name, sources]) => [name, [...readFiles(sources).values()].join('\n')])
    )
    const ours = new Map([...tests].filter(([path]) => !path.startsWith('test/tidy/')))
    expect(checkTrust(page, ours, MUTATIONS, watched)).toEqual([])
  })

  it('notices a promise without a row, and one with two', () => {
    const page = pageOf('[a] | nothing')
    expect(checkTrust(page, ALL_TESTS, [], {})).toEqual([])
    expect(checkTrust(page.replace('**P7**', '**P8**'), ALL_TESTS, [], {})).toEqual([
      `${PAGE} has 0 rows for P7`,
      `${PAGE} has 2 rows for P8`
    ])
  })

  it('notices a promise without a test, and a test that does not name it', () => {
    const check = (tests: Files): number => checkTrust(pageOf('[a] | nothing'), tests, [], {}).length
    expect(check(ALL_TESTS)).toBe(0)
    expect(check(planted({ 'a.test.ts': "it.each([\n[1]\n])('one of them (P34)', run)" }))).toBe(33)
    expect(check(planted({ 'a.test.ts': "expect(read, 'P3: of another kind')" }))).toBe(34)
    expect(check(planted({}))).toBe(34)
    expect(checkTrust(pageOf(' | nothing'), ALL_TESTS, [], {})).toHaveLength(34)
  })

  it('notices a bug that is left out, one that there is not, and what no long run watches', () => {
    const check = (against: string, bugs: readonly Bug[], Sim = ''): number =>
      checkTrust(pageOf(`[a] | ${against}`), ALL_TESTS, bugs, { Sim }).length
    const bug = { name: 'bug', breaks: PROMISES }
    expect(check('`bug`', [bug])).toBe(0)
    expect(check('nothing', [bug])).toBe(PROMISES.length)
    expect(check('`bug`', [])).toBe(PROMISES.length)
    expect(check('Sim', [])).toBe(PROMISES.length)
    expect(check('Sim', [], "promised(holds, 'P1: it holds')")).toBe(PROMISES.length - 1)
    expect(check('nothing', [{ name: 'bug', breaks: ['audit'] }])).toBe(1)
  })
})
