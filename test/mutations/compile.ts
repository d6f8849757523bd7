import { join } from 'node:path'
import ts from 'typescript'
import { type Mutation, mutated, ROOT, sourceOf } from './mutation.ts'

/**
 * What the compiler has against sources with a mutation in them. A bug that does not compile is found by the compiler,
 * and says nothing of the tests.
 */
export function complaintsOf(mutations: readonly Mutation[]): string[] {
  const config = ts.readConfigFile(join(ROOT, 'tsconfig.test.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT)
  const paths = [...new Set(mutations.map(({ file }) => join(ROOT, file)))]
  let current: { readonly path: string; readonly text: string } | undefined
  let version = 0
  const service = ts.createLanguageService({
    ...ts.sys,
    useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
    getCompilationSettings: () => options,
    getCurrentDirectory: () => ROOT,
    getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
    getScriptFileNames: () => paths,
    getScriptVersion: (path) => (path === current?.path ? String(version) : '0'),
    getScriptSnapshot: (path) => {
      const text = path === current?.path ? current.text : ts.sys.readFile(path)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    }
  })
  return mutations.flatMap((mutation) => {
    const path = join(ROOT, mutation.file)
    current = { path, text: mutated(mutation, sourceOf(mutation)) }
    version++
    const found = [...service.getSyntacticDiagnostics(path), ...service.getSemanticDiagnostics(path)]
    return found.map(
      ({ messageText }) =>
        `${mutation.name} does not compile: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
    )
  })
}
