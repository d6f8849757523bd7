import type { Domain, MemoryValue } from '@cis-memory/core'
import * as v from 'valibot'
import { CisError } from '../errors.ts'
import { MAX_IMPORT_FILE_BYTES, MAX_IMPORT_LINE_CHARACTERS } from '../limits.ts'
import type { ImportItem } from '../operations/contract.ts'
import { nameOf, problemsOf } from '../validation.ts'
import { memoryLine, type ReadMemory } from './exported.ts'
import { type Entity, entityLine, planGraph, type Relation, relationLine } from './knowledge-graph.ts'

/** A memory to import, or one that an export holds as contested and nobody can decide here. */
export type ReadItem =
  | ImportItem
  | { readonly path: string; readonly domain?: Domain | undefined; readonly isContested: true }

/**
 * The memories in JSON lines: an export of ours, or the file of the MCP memory server. Exports are read as they come;
 * what belongs together in a graph is known at its end only.
 *
 * @throws {CisError} `CIS_IMPORT_MALFORMED`, `CIS_IMPORT_TOO_LARGE`
 */
export async function* readJsonLines(
  name: string,
  chunks: AsyncIterable<Uint8Array | string>
): AsyncGenerator<ReadItem, void, undefined> {
  const entities: Entity[] = []
  const relations: Relation[] = []
  let graphCharacters = 0
  let number = 0
  for await (const line of linesOf(name, chunks)) {
    number++
    if (line.trim() === '') continue
    const where = `${name}:${number}`
    const given = parse(where, line)
    const { type } = given as { readonly type?: unknown }
    if (type === 'memory') {
      yield itemOf(where, checked(where, memoryLine, given))
      continue
    }
    graphCharacters += line.length
    if (graphCharacters > MAX_IMPORT_FILE_BYTES) throw tooLarge(name)
    if (type === 'entity') entities.push(checked(where, entityLine, given))
    else if (type === 'relation') relations.push(checked(where, relationLine, given))
    else throw malformed(where, 'type must be "memory", "entity" or "relation"')
  }
  yield* planGraph(entities, relations)
}

function itemOf(where: string, line: ReadMemory): ReadItem {
  const { path, domain, kind, valueBase64, expiresAt, conflict, ...labels } = line
  if (conflict !== undefined) return { path, domain, isContested: true }
  const value = valueBase64 === undefined ? line.value : new Uint8Array(Buffer.from(valueBase64, 'base64'))
  if (value === undefined) throw malformed(where, 'value is missing, and valueBase64 as well')
  return {
    ...labels,
    path,
    domain,
    value: value as MemoryValue,
    isDocument: kind === 'document',
    expiresAt: expiresAt === undefined ? undefined : Date.parse(expiresAt)
  }
}

function parse(where: string, line: string): unknown {
  try {
    const given: unknown = JSON.parse(line)
    if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given
  } catch {
    // Said below.
  }
  throw malformed(where, 'a line is one JSON object')
}

function checked<T>(where: string, schema: v.GenericSchema<T>, given: unknown): T {
  const result = v.safeParse(schema, given)
  if (result.success) return result.output as T
  const problems = problemsOf(schema, given).map(({ at, says }) => `${nameOf(at)} ${says}`)
  throw malformed(where, problems.join('; '))
}

async function* linesOf(
  name: string,
  chunks: AsyncIterable<Uint8Array | string>
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  for await (const chunk of chunks) {
    rest += typeof chunk === 'string' ? chunk : decode(name, () => decoder.decode(chunk, { stream: true }))
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_IMPORT_LINE_CHARACTERS) throw tooLarge(name)
    yield* lines
  }
  rest += decode(name, () => decoder.decode())
  if (rest !== '') yield rest
}

function decode(name: string, work: () => string): string {
  try {
    return work()
  } catch (cause) {
    throw malformed(name, 'it is not UTF-8', { cause })
  }
}

function malformed(where: string, problem: string, options?: ErrorOptions): CisError {
  return new CisError(
    'CIS_IMPORT_MALFORMED',
    `${where}: ${problem}. What stands before it may be imported already; correct it, then import again`,
    options
  )
}

function tooLarge(name: string): CisError {
  return new CisError(
    'CIS_IMPORT_TOO_LARGE',
    `${name} has a line, or a graph, larger than an import reads. What stands before it may be imported already`
  )
}
