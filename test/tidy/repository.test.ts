import { describe, expect, it } from 'vitest'
import { type Complaint, type Files, lineOf, manifests, planted, readFiles } from './repository.ts'

/** Notes to oneself must say where they are tracked: `(#12)` after the word. Split, so as not to find itself. */
const LOOSE_NOTE = new RegExp(`\\b(?:TO${''}DO|FIX${''}ME)\\b(?!\\s*\\(#\\d+\\))`, 'g')

/** What is left of looking at one test alone. */
const FOCUSED_TEST = /\.only\s*\(|\b(?:fit|fdescribe)\s*\(/g

function checkPattern(files: Files, pattern: RegExp, why: string): Complaint[] {
  return [...files].flatMap(([path, text]) =>
    [...text.matchAll(pattern)].map((match) => `${path}:${lineOf(text, match.index)}: ${match[0]} ${why}`)
  )
}

function checkVersions(files: Files): Complaint[] {
  const packages = [...manifests(files).values()]
  const expected = packages[0]?.version
  const ours = new Set(packages.map((manifest) => manifest.name))
  return packages.flatMap((manifest) => {
    const complaints: Complaint[] = []
    if (manifest.version !== expected)
      complaints.push(`${manifest.name} is ${manifest.version}, not ${expected}`)
    const dependencies = {
      ...manifest.dependencies,
      ...manifest.peerDependencies,
      ...manifest.devDependencies
    }
    for (const [name, range] of Object.entries(dependencies)) {
      // An exact version: packages of two releases have never been tested together.
      if (ours.has(name) && range !== expected) complaints.push(`${manifest.name} asks for ${name} ${range}`)
    }
    return complaints
  })
}

function checkLock(text: string): Complaint[] {
  // A registry's address in the lock would make everybody install from wherever the last person did.
  return [...text.matchAll(/"resolved": "http[^"]*"/g)].map(
    (match) => `package-lock.json:${lineOf(text, match.index)}: ${match[0]}`
  )
}

/** A row of package-lock.json. */
interface LockRow {
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

function checkPlatforms(text: string): Complaint[] {
  const { packages } = JSON.parse(text) as { packages: Record<string, LockRow> }
  const rows = Object.keys(packages)
  const asked = Object.values(packages).flatMap((row) => Object.keys(row.optionalDependencies ?? {}))
  // npm leaves out what the registry in use does not serve, and then `npm ci` refuses the lock everywhere.
  const missing = [...new Set(asked)].filter(
    (name) => !rows.some((row) => row.endsWith(`node_modules/${name}`))
  )
  return missing.map((name) => `package-lock.json has no row for ${name}, so npm ci will refuse it`)
}

const SOURCES = /\.(?:ts|tsx|mts|js|mjs|sh|yml|yaml)$|^\.ci\/run$/

describe('repository', () => {
  it('has no note to oneself without an issue number', () => {
    expect(checkPattern(readFiles(SOURCES), LOOSE_NOTE, 'needs an issue number: (#12)')).toEqual([])
  })

  it('runs all of its tests', () => {
    const tests = readFiles(/\.test\.tsx?$|\/compliance\/.*\.ts$/)
    expect(checkPattern(tests, FOCUSED_TEST, 'hides the other tests')).toEqual([])
  })

  it('has one version, and its packages ask for exactly that', () => {
    expect(checkVersions(readFiles(/^packages\/[^/]+\/package\.json$/))).toEqual([])
  })

  it('names no registry in package-lock.json', () => {
    const lock = readFiles(/^package-lock\.json$/).get('package-lock.json')
    expect(lock).toBeDefined()
    expect(checkLock(lock ?? '')).toEqual([])
  })

  it('has a row in package-lock.json for every platform', () => {
    const lock = readFiles(/^package-lock\.json$/).get('package-lock.json')
    expect(checkPlatforms(lock ?? '')).toEqual([])
  })

  it('notices notes without a number, and focused tests', () => {
    const note = ['TO', 'DO'].join('')
    const files = planted({ 'a.ts': `// ${note}: later\n// ${note}(#12): tracked\n// ${note}LIST is a word` })
    expect(checkPattern(files, LOOSE_NOTE, '')).toEqual([`a.ts:1: ${note} `])
    const focused = ['it', "only('x', () => {})"].join('.')
    expect(checkPattern(planted({ 'a.test.ts': focused }), FOCUSED_TEST, '')).toHaveLength(1)
    expect(checkPattern(planted({ 'a.test.ts': 'profit(1); it.skipIf(x)' }), FOCUSED_TEST, '')).toEqual([])
  })

  it('notices versions that differ, and a range where there should be a version', () => {
    const clock = JSON.stringify({ name: '@cis-memory/clock', version: '1.0.0' })
    const store = (version: string, range: string): string =>
      JSON.stringify({ name: 'store', version, dependencies: { '@cis-memory/clock': range } })
    const check = (text: string): Complaint[] =>
      checkVersions(planted({ 'packages/clock/package.json': clock, 'packages/store/package.json': text }))
    expect(check(store('1.0.0', '1.0.0'))).toEqual([])
    expect(check(store('1.0.1', '1.0.0'))).toHaveLength(1)
    expect(check(store('1.0.0', '^1.0.0'))).toHaveLength(1)
  })

  it('notices a platform that is not in the lock', () => {
    const tool = { optionalDependencies: { '@tool/linux': '1.0.0', '@tool/darwin': '1.0.0' } }
    const packages = { 'node_modules/tool': tool, 'node_modules/@tool/linux': {} }
    expect(checkPlatforms(JSON.stringify({ packages }))).toEqual([
      'package-lock.json has no row for @tool/darwin, so npm ci will refuse it'
    ])
  })

  it('notices a registry in the lock', () => {
    expect(checkLock('{\n  "resolved": "https://registry.example/a.tgz"\n}')).toHaveLength(1)
    expect(checkLock('{\n  "resolved": "packages/clock"\n}')).toEqual([])
  })
})
