import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CliError } from '../errors.ts'

/**
 * Markdown to import that is surely there: this project's documentation in a checkout, the READMEs of the installed
 * packages elsewhere.
 */
export async function findDocuments(): Promise<readonly string[]> {
  const packageFolder = fileURLToPath(new URL('../../', import.meta.url))
  const checkout = join(packageFolder, '..', '..')
  if ((await packageName(checkout)) === 'cis' && (await hasMarkdown(join(checkout, 'docs')))) {
    return [join(checkout, 'docs')]
  }
  const library = dirname(fileURLToPath(import.meta.resolve('cis-memory/package.json')))
  const readmes: string[] = []
  for (const folder of [packageFolder, library]) {
    const readme = join(folder, 'README.md')
    if ((await readText(readme)) !== undefined) readmes.push(readme)
  }
  if (readmes.length > 0) return readmes
  throw new CliError('CLI_DEMO_FAILED', 'the documentation that the demo imports is not there: install again')
}

async function packageName(folder: string): Promise<unknown> {
  const manifest = await readText(join(folder, 'package.json'))
  return manifest === undefined ? undefined : (JSON.parse(manifest) as { name?: unknown }).name
}

async function hasMarkdown(folder: string): Promise<boolean> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  return names.some((name) => name.endsWith('.md'))
}

async function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined)
}
