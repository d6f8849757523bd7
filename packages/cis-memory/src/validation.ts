/*
 * What comes from outside is checked by valibot schemas. They say what a value may be; this says, in words for people,
 * where it is not that.
 */
import * as v from 'valibot'
import { nearest } from './nearest.ts'

/** One thing that does not fit. */
export interface Problem {
  /** The keys and positions that lead to it. */
  readonly at: readonly string[]
  /** What to say behind its name: `must be true or false`. */
  readonly says: string
}

/** A text with something in it. */
export const text: v.GenericSchema<string> = v.pipe(v.string(), v.nonEmpty())

/** A scope. Core, which knows all rules of a name, has the last word. */
export const scope: v.GenericSchema<string> = v.pipe(
  v.string(),
  v.regex(/^\//u, 'must be a scope such as "/acme/web"')
)

/** A whole number from a bound up. */
export function wholeNumber(min: number): v.GenericSchema<number> {
  return v.pipe(v.number(), v.safeInteger(), v.minValue(min))
}

/** Everything that does not fit a schema, `[]` when all does. */
export function problemsOf(schema: v.GenericSchema, value: unknown): readonly Problem[] {
  const { issues = [] } = v.safeParse(schema, value, { message: wording })
  return issues.flatMap((issue) => {
    const path = issue.path ?? []
    const at = path.map(({ key }) => String(key))
    const last = path.at(-1)
    if (last?.origin !== 'key') return { at, says: issue.message }
    const owner = at.slice(0, -1).reduce(partOf, schema)
    if (issue.expected !== 'never') return { at, says: missing(partOf(owner, at.at(-1))) }
    // Valibot stops at the first unknown key of an object.
    const known = Object.keys(entriesOf(owner))
    const unknown = Object.keys(last.input as object).filter((key) => !known.includes(key))
    return unknown.map((key) => ({ at: [...at.slice(0, -1), key], says: notKnown(key, known) }))
  })
}

/** The name of what lies at a place: `node.listen[0]`. */
export function nameOf(at: readonly string[]): string {
  return at.map((step, i) => (/^\d+$/.test(step) ? `[${step}]` : `${i === 0 ? '' : '.'}${step}`)).join('')
}

/** What a schema that has no words of its own says. */
function wording({ type, expected }: v.BaseIssue<unknown>): string {
  const bound = expected?.replace(/^[<>]=/, '')
  switch (type) {
    case 'array':
      return 'must be a list'
    case 'boolean':
      return 'must be true or false'
    case 'max_length':
      return `must have at most ${bound}`
    case 'max_value':
      return `must be at most ${bound}`
    case 'min_value':
      return `must be at least ${bound}`
    case 'non_empty':
      return 'must not be empty'
    case 'number':
    case 'safe_integer':
      return 'must be a whole number'
    case 'strict_object':
      return 'must be a table of keys and values'
    case 'string':
      return 'must be a text'
    default:
      return `must be ${expected?.replace(/^\((.*)\)$/, '$1').replaceAll(' | ', ' or ')}`
  }
}

function missing(schema: v.GenericSchema): string {
  const [issue] = v.safeParse(schema, undefined, { message: wording }).issues ?? []
  return `is missing: it ${issue?.message}`
}

function notKnown(key: string, known: readonly string[]): string {
  const meant = nearest(key, known)
  return `is not known. ${meant === undefined ? `Known: ${known.join(', ')}` : `Did you mean ${meant}?`}`
}

/** What the schemas that hold others are made of. */
interface Holding {
  readonly entries?: Readonly<Record<string, v.GenericSchema>>
  readonly item?: v.GenericSchema
  readonly wrapped?: v.GenericSchema
}

/** The schema of one key of an object, or of the items of a list. */
function partOf(schema: v.GenericSchema, key: string | undefined = ''): v.GenericSchema {
  const { item, wrapped }: Holding = schema as Holding
  if (wrapped !== undefined) return partOf(wrapped, key)
  return item ?? entriesOf(schema)[key] ?? v.unknown()
}

function entriesOf(schema: v.GenericSchema): Readonly<Record<string, v.GenericSchema>> {
  const { entries, wrapped }: Holding = schema as Holding
  return wrapped === undefined ? (entries ?? {}) : entriesOf(wrapped)
}
