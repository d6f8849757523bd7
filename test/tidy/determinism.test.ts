import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { type Complaint, type Files, planted, readFiles } from './repository.ts'

/*
 * clock and core are handed their time, timers and randomness: that is what lets the simulator run production
 * code and replay it from a seed. This looks for places that help themselves.
 *
 * It reads syntax, not types, so a determined author can hide a call from it. It is there for the others.
 */

/** Names that read a clock, start a timer or draw randomness, whatever they are imported from or called on. */
const STRAY_NAMES = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'requestAnimationFrame',
  'performance',
  'hrtime',
  'randomBytes',
  'randomFill',
  'randomFillSync',
  'randomInt',
  'randomUUID',
  'getRandomValues',
  'generateKeyPair',
  'generateKeyPairSync',
  'generateKey',
  'generateKeySync'
])

/** Members that do so on an object that is otherwise harmless. */
const STRAY_MEMBERS = new Set(['Date.now', 'Math.random', 'AbortSignal.timeout'])

/** Globals through which a module would do I/O of its own or learn about the machine it runs on. */
const STRAY_GLOBALS = new Set(['process', 'fetch', 'WebSocket', 'navigator', 'localStorage'])

/** Parts of Node that compute and do nothing else. All others are I/O, timers or the machine. */
const PURE_MODULES = new Set(['node:crypto', 'node:buffer', 'node:util', 'node:zlib', 'node:assert/strict'])

/** What may be imported from `node:crypto`: same arguments, same answer. */
const PURE_CRYPTO = new Set([
  'createCipheriv',
  'createDecipheriv',
  'createHash',
  'createHmac',
  'createPrivateKey',
  'createPublicKey',
  'createSecretKey',
  'diffieHellman',
  'getCiphers',
  'getHashes',
  'hash',
  'hkdf',
  'hkdfSync',
  'KeyObject',
  'scrypt',
  'scryptSync',
  'sign',
  'timingSafeEqual',
  'verify',
  // Its subtle half is pure; drawing keys or values from it is caught by name.
  'webcrypto'
])

function checkDeterminism(files: Files): Complaint[] {
  return [...files].flatMap(([path, text]) => {
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    const complaints: Complaint[] = []
    const complain = (node: ts.Node, what: string): void => {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart())
      complaints.push(`${path}:${line + 1}: ${what}; take it from Runtime`)
    }
    const visit = (node: ts.Node): void => {
      // Types cost nothing at run time and may name what they like.
      if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return
      if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) checkImport(node)
      else if (ts.isNewExpression(node) || ts.isCallExpression(node)) checkCall(node)
      if (ts.isPropertyAccessExpression(node)) {
        if (STRAY_MEMBERS.has(node.getText().replace(/^globalThis\./, ''))) complain(node, node.getText())
        // `runtime.setTimeout` is how it should be done: only a global object is a stray source.
        if (STRAY_NAMES.has(node.name.text) && isGlobalObject(node.expression)) complain(node, node.getText())
        visit(node.expression)
        return
      }
      if (ts.isIdentifier(node) && isUse(node)) {
        if (STRAY_NAMES.has(node.text) || STRAY_GLOBALS.has(node.text)) complain(node, node.text)
      }
      ts.forEachChild(node, visit)
    }
    const checkCall = (node: ts.NewExpression | ts.CallExpression): void => {
      if (node.expression.kind === ts.SyntaxKind.ImportKeyword) {
        const [module] = node.arguments ?? []
        const name = module !== undefined && ts.isStringLiteral(module) ? module.text : '(computed)'
        if (name === '(computed)' || name.startsWith('node:')) complain(node, `import('${name}')`)
      }
      const isDate = ts.isIdentifier(node.expression) && node.expression.text === 'Date'
      // `Date()` as a function ignores its arguments and answers the present.
      const readsClock = ts.isCallExpression(node) || (node.arguments ?? []).length === 0
      if (isDate && readsClock) complain(node, node.getText())
    }
    const checkImport = (node: ts.ImportDeclaration | ts.ExportDeclaration): void => {
      if (node.moduleSpecifier === undefined || !ts.isStringLiteral(node.moduleSpecifier)) return
      const module = node.moduleSpecifier.text
      const clause = ts.isImportDeclaration(node) ? node.importClause : node
      if (clause !== undefined && 'isTypeOnly' in clause && clause.isTypeOnly) return
      if (module.startsWith('node:') && !PURE_MODULES.has(module)) complain(node, module)
      const bindings = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : node.exportClause
      const isNamed = bindings !== undefined && (ts.isNamedImports(bindings) || ts.isNamedExports(bindings))
      const names = isNamed ? [...bindings.elements].filter((each) => !each.isTypeOnly) : []
      if (module === 'node:crypto' && !isNamed) complain(node, 'node:crypto as a whole (import it by name)')
      for (const each of names) {
        const name = (each.propertyName ?? each.name).text
        const isImpure = module === 'node:crypto' ? !PURE_CRYPTO.has(name) : STRAY_NAMES.has(name)
        if (isImpure) complain(each, `${name} of ${module}`)
      }
    }
    visit(source)
    return complaints
  })
}

/** Whether an expression stands for something that every module can reach. */
function isGlobalObject(node: ts.Expression): boolean {
  const name = ts.isPropertyAccessExpression(node) ? node.name.text : node.getText()
  return ['globalThis', 'crypto', 'webcrypto', 'subtle', 'process', 'window', 'self'].includes(name)
}

/** Whether an identifier reads a variable, rather than naming a member, a parameter or an import. */
function isUse(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) return false
  const isDeclared = 'name' in parent && parent.name === node
  return !isDeclared || ts.isShorthandPropertyAssignment(parent)
}

describe('determinism', () => {
  it('core and clock read no time, timer, randomness or machine of their own', () => {
    const sources = readFiles(/^packages\/(clock|core)\/src\/.*\.ts$/)
    expect(sources.size).toBeGreaterThan(5)
    expect(checkDeterminism(sources)).toEqual([])
  })

  it.each([
    'const now = Date.now()',
    'const now = globalThis.Date.now()',
    'const now = new Date()',
    'const now = new Date',
    'const now = Date()',
    'const clock = Date.now',
    'const now = performance.now()',
    'const x = Math.random()',
    'setTimeout(() => {}, 5)',
    'globalThis.setTimeout(() => {}, 5)',
    'const timers = { setInterval }',
    'const wait = setImmediate',
    'const signal = AbortSignal.timeout(5)',
    'crypto.getRandomValues(bytes)',
    'globalThis.crypto.randomUUID()',
    'const t = process.hrtime.bigint()',
    'const home = process.env.HOME',
    "await fetch('https://example.com')",
    "import { readFileSync } from 'node:fs'",
    "import net from 'node:net'",
    "import { setTimeout as wait } from 'node:timers/promises'",
    "import { randomBytes } from 'node:crypto'",
    "import { generateKeyPairSync as make } from 'node:crypto'",
    "import crypto from 'node:crypto'",
    "import * as crypto from 'node:crypto'",
    "import { randomBytes } from '@noble/ciphers/utils.js'",
    "export { randomUUID } from 'node:crypto'",
    "const fs = await import('node:fs')"
  ])('notices %s', (text) => {
    expect(checkDeterminism(planted({ 'packages/core/src/a.ts': text }))).not.toEqual([])
  })

  it.each([
    'const then = new Date(ms).toISOString()',
    'const t = runtime.now()',
    'runtime.setTimeout(wake, 5)',
    'const ms = Date.UTC(2020, 1)',
    "import { createHash, type KeyObject, timingSafeEqual } from 'node:crypto'",
    "import type { Readable } from 'node:stream'",
    'interface Runtime { randomBytes(length: number): Uint8Array; performance: number }',
    'const runtime = { randomBytes: (length: number) => draw(length) }',
    '// Math.random() would not do',
    "throw new Error('setTimeout')"
  ])('allows %s', (text) => {
    expect(checkDeterminism(planted({ 'packages/core/src/a.ts': text }))).toEqual([])
  })
})
