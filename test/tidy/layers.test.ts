import { posix } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { type Complaint, type Files, lineOf, manifests, planted, readFiles } from './repository.ts'

/** What each package may use of ours. Arrows point down: a package names only packages above it in this table. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  clock: [],
  store: ['clock'],
  core: ['clock', 'store'],
  transport: ['core'],
  guard: ['core'],
  'cis-memory': ['core', 'guard', 'store', 'transport'],
  cli: ['cis-memory']
}

/** Modules that only one place may load, so that it can be replaced there and nowhere else. */
const ONLY_IN: readonly { readonly module: RegExp; readonly place: string }[] = [
  { module: /libp2p|^@multiformats\//, place: 'packages/transport/src/' },
  { module: /^(classic-level|abstract-level)$/, place: 'packages/store/src/level/' },
  // Everybody else takes a `Store` and cannot tell which; cis-memory chooses.
  { module: /^@cis-memory\/store\/level$/, place: 'packages/cis-memory/src/' },
  // Whoever can add to the audit log can add what never happened.
  { module: /^@cis-memory\/core\/audit$/, place: 'packages/guard/src/' }
]

/** The folder under packages/ that a module name of ours lives in. */
function folderOf(module: string): string | undefined {
  if (/^cis-memory(\/|$)/.test(module)) return 'cis-memory'
  return /^@cis-memory\/([^/]+)/.exec(module)?.[1]
}

function checkImports(files: Files): Complaint[] {
  const complaints: Complaint[] = []
  for (const [path, text] of files) {
    const [, folder] = /^packages\/([^/]+)\/src\/.*\.tsx?$/.exec(path) ?? []
    if (folder === undefined) continue
    const allowed = LAYERS[folder]
    if (allowed === undefined) {
      complaints.push(`${path}: packages/${folder} has no row in LAYERS of test/tidy/layers.test.ts`)
      continue
    }
    for (const { fileName: module, pos } of ts.preProcessFile(text).importedFiles) {
      const where = `${path}:${lineOf(text, pos)}`
      const target = folderOf(module)
      if (target !== undefined && !allowed.includes(target)) {
        complaints.push(`${where}: ${folder} may not import ${module}`)
      }
      const resolved = posix.join(posix.dirname(path), module)
      if (module.startsWith('.') && !resolved.startsWith(`packages/${folder}/`)) {
        complaints.push(`${where}: ${module} leaves the package; import it by name`)
      }
      for (const { module: pattern, place } of ONLY_IN) {
        if (pattern.test(module) && !path.startsWith(place)) {
          complaints.push(`${where}: only ${place} may import ${module}`)
        }
      }
    }
  }
  return complaints
}

function checkManifests(files: Files): Complaint[] {
  const complaints: Complaint[] = []
  for (const [folder, manifest] of manifests(files)) {
    const { dependencies, peerDependencies, optionalDependencies } = manifest
    const named = Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies })
    for (const name of named) {
      const target = folderOf(name)
      if (target !== undefined && !LAYERS[folder]?.includes(target)) {
        complaints.push(`packages/${folder}/package.json: ${folder} may not depend on ${name}`)
      }
    }
  }
  return complaints
}

function checkReferences(files: Files): Complaint[] {
  const complaints: Complaint[] = []
  for (const [path, text] of files) {
    const [, folder] = /^packages\/([^/]+)\/tsconfig\.json$/.exec(path) ?? []
    if (folder === undefined) continue
    const { references = [] } = JSON.parse(text) as { references?: { path: string }[] }
    for (const reference of references) {
      const target = posix.join('packages', folder, reference.path).split('/')[1]
      if (target === undefined || !LAYERS[folder]?.includes(target)) {
        complaints.push(`${path}: ${folder} may not reference ${reference.path}`)
      }
    }
  }
  return complaints
}

describe('layers', () => {
  const sources = readFiles(/^packages\/[^/]+\/src\/.*\.tsx?$/)

  it('the table itself has no arrow that points up', () => {
    const names = Object.keys(LAYERS)
    for (const [i, name] of names.entries()) {
      for (const target of LAYERS[name]!) expect(names.slice(0, i)).toContain(target)
    }
  })

  it('no source file imports a package above its own, or one that only another place may load', () => {
    expect(sources.size).toBeGreaterThan(0)
    expect(checkImports(sources)).toEqual([])
  })

  it('no package.json depends upwards', () => {
    expect(checkManifests(readFiles(/^packages\/[^/]+\/package\.json$/))).toEqual([])
  })

  it('no tsconfig.json references upwards', () => {
    expect(checkReferences(readFiles(/^packages\/[^/]+\/tsconfig\.json$/))).toEqual([])
  })

  it.each([
    ['an import upwards', 'clock/src/a.ts', "import { x } from '@cis-memory/core'"],
    ['a type upwards', 'core/src/a.ts', "import type { X } from '@cis-memory/guard'"],
    ['a re-export upwards', 'store/src/a.ts', "export { x } from '@cis-memory/core'"],
    ['a dynamic import upwards', 'core/src/a.ts', "const x = await import('cis-memory')"],
    ['an import to the side', 'guard/src/a.ts', "import { x } from '@cis-memory/transport'"],
    ['an import that skips a layer', 'transport/src/a.ts', "import { x } from '@cis-memory/store'"],
    ['the command line reaching below the library', 'cli/src/a.ts', "import { x } from '@cis-memory/core'"],
    ['a path into another package', 'core/src/a.ts', "import { x } from '../../clock/src/dot.ts'"],
    ['libp2p above transport', 'cis-memory/src/a.ts', "import { createLibp2p } from 'libp2p'"],
    ['a part of libp2p below transport', 'core/src/a.ts', "import { x } from '@libp2p/crypto'"],
    ['LevelDB outside its folder', 'store/src/a.ts', "import { ClassicLevel } from 'classic-level'"],
    ['the LevelDB store in core', 'core/src/a.ts', "import { x } from '@cis-memory/store/level'"],
    [
      'adding to the audit log elsewhere',
      'cis-memory/src/a.ts',
      "import { x } from '@cis-memory/core/audit'"
    ],
    ['a package without a row', 'mcp/src/a.ts', 'export {}']
  ])('notices %s', (_, path, text) => {
    expect(checkImports(planted({ [`packages/${path}`]: text }))).toHaveLength(1)
  })

  it('allows what the table allows', () => {
    const fine = planted({
      'packages/core/src/entry/a.ts':
        "import { x } from '@cis-memory/clock'\nimport { y } from '../limits.ts'\n// import '@cis-memory/guard'",
      'packages/store/src/level/a.ts': "import { ClassicLevel } from 'classic-level'"
    })
    expect(checkImports(fine)).toEqual([])
  })

  it('notices dependencies and references that point up', () => {
    const dependencies = { '@cis-memory/core': '0.1.0' }
    const manifest = JSON.stringify({ name: '@cis-memory/store', dependencies })
    const config = JSON.stringify({ references: [{ path: '../core' }] })
    expect(checkManifests(planted({ 'packages/store/package.json': manifest }))).toHaveLength(1)
    expect(checkReferences(planted({ 'packages/store/tsconfig.json': config }))).toHaveLength(1)
  })
})
