/*
 * Installs what would be published into an empty project, and uses it as the README says: types resolve, the
 * README's example runs, `cis --help` answers. It finds what tests inside the repository cannot: a file left out
 * of `files`, a dependency that only the root declares, a type that names a path of ours.
 *
 *   node scripts/test-package.mjs [--keep]      --keep leaves the project behind and prints where
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const EXAMPLE_TIMEOUT_MS = 60_000

/** The block that is run: the first one of the README whose info string says so. */
const EXAMPLE_BLOCK = /^```(?:ts|typescript) example[^\n]*\n([\s\S]*?)^```/m

class PackageTestError extends Error {
  name = 'PackageTestError'
}

/** Runs a program and answers its output; a failure shows all that it said. */
function run(command, args, options = {}) {
  // npm and installed commands are scripts on Windows, which only a shell can start.
  const shell = process.platform === 'win32'
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      shell,
      ...options
    })
  } catch (error) {
    const said = [error.stdout, error.stderr].filter(Boolean).join('\n')
    throw new PackageTestError(`${command} ${args.join(' ')} failed (${error.code ?? error.status})\n${said}`)
  }
}

function step(text) {
  console.log(`- ${text}`)
}

function readExample() {
  const path = join(ROOT, 'README.md')
  const readme = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const example = EXAMPLE_BLOCK.exec(readme)?.[1]
  if (example === undefined || example.trim() === '') {
    throw new PackageTestError(
      'README.md has no block that begins with ```ts example: there is nothing to run'
    )
  }
  return example
}

/** The folders of all packages that would be published. */
function packageFolders() {
  const folders = readdirSync(join(ROOT, 'packages')).map((name) => join('packages', name))
  return folders.filter((folder) => {
    const manifest = join(ROOT, folder, 'package.json')
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).private !== true
  })
}

function pack(target) {
  const workspaces = packageFolders().flatMap((folder) => ['--workspace', folder])
  const packed = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', target, ...workspaces], { cwd: ROOT })
  )
  // One npm answers a list, another an object by package name.
  return Object.values(packed).map(({ filename, files }) => {
    const stray = files.find(({ path }) => /(^|\/)(test|fixtures|node_modules)\/|\.tsbuildinfo$/.test(path))
    if (stray !== undefined) {
      throw new PackageTestError(
        `${filename} contains ${stray.path}; leave it out with "!${stray.path}" in "files"`
      )
    }
    return join(target, filename)
  })
}

/** Compiles the example the way a strict user would. Complaints about types of others are counted, not fatal. */
function compile(project) {
  const program = ts.createProgram([join(project, 'example.ts')], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    skipLibCheck: false,
    types: ['node'],
    // A user has these of their own; ours save a download.
    typeRoots: [join(ROOT, 'node_modules', '@types')]
  })
  const format = {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => project,
    getNewLine: () => '\n'
  }
  const installed = join(project, 'node_modules').split(sep).join('/')
  const isOurs = ({ file }) =>
    file === undefined ||
    !file.fileName.includes('/node_modules/') ||
    file.fileName.startsWith(`${installed}/@cis-memory/`) ||
    file.fileName.startsWith(`${installed}/cis-memory/`)
  const diagnostics = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics]
  const ours = diagnostics.filter(isOurs)
  if (ours.length > 0) {
    throw new PackageTestError(`the README example does not compile\n${ts.formatDiagnostics(ours, format)}`)
  }
  return diagnostics.length
}

function main() {
  const example = readExample()
  const base = mkdtempSync(join(tmpdir(), 'cis-package-'))
  const project = join(base, 'project')
  const env = { ...process.env, CIS_HOME: join(base, 'home'), CI: '1', NO_COLOR: '1' }
  try {
    step('build')
    run(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'], { cwd: ROOT })

    const tarballs = pack(base)
    step(`packed ${tarballs.length} packages`)

    mkdirSync(project)
    writeFileSync(
      join(project, 'package.json'),
      JSON.stringify({ name: 'empty', private: true, type: 'module' })
    )
    run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...tarballs], { cwd: project, env })
    step('installed them into an empty project')

    writeFileSync(join(project, 'example.ts'), example)
    const othersCount = compile(project)
    step(`compiled the README example (${othersCount} complaints about types of dependencies)`)

    run(process.execPath, ['example.js'], { cwd: project, env, timeout: EXAMPLE_TIMEOUT_MS })
    step('ran it')

    // Not `npx cis`: without a bin of ours it would ask the registry for somebody else's.
    const cis = join(project, 'node_modules', '.bin', 'cis')
    if (!existsSync(cis)) throw new PackageTestError('no package installed a command named cis')
    const help = run(cis, ['--help'], { cwd: project, env, timeout: EXAMPLE_TIMEOUT_MS })
    if (!/\bcis\b/.test(help)) throw new PackageTestError(`cis --help does not help:\n${help}`)
    step('cis --help answers')
  } finally {
    if (process.argv.includes('--keep')) console.log(`  kept ${base}`)
    else rmSync(base, { recursive: true, force: true })
  }
}

try {
  main()
} catch (error) {
  if (!(error instanceof PackageTestError)) throw error
  console.error(`test-package: ${error.message}`)
  process.exitCode = 1
}
