/*
 * Cuts the types out of each file on its way in: what vitest does for tests, without vitest. Runs in a thread of its own,
 * and the compiler is loaded there alone.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const compilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2022,
  verbatimModuleSyntax: true,
  inlineSourceMap: true
}

/** A hook of `node:module`. */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context)
  const fileName = fileURLToPath(url)
  const source = await readFile(fileName, 'utf8')
  const { outputText } = ts.transpileModule(source, { compilerOptions, fileName })
  return { format: 'module', source: outputText, shortCircuit: true }
}
