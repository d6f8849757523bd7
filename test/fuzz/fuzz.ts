/*
 * Gives a decoder what is nearly right, and holds it to this: it answers, or it refuses with one of its codes; it takes
 * no longer and no more memory than its input is large; and where a format has one encoding, what it accepts is that
 * encoding (P27, P28). Inputs that are refused at a new place are kept, and changed further.
 */
import { getHeapStatistics } from 'node:v8'
import { Random } from '../simulator/src/random.ts'
import { mutated } from './mutate.ts'

/** Of the processor, for an input without length and for each of its bytes. */
const MAX_MS = 500
const MAX_MS_PER_BYTE = 0.02
/** For an input without length, and for each of its bytes: a decoder that writes again what it has read has both. */
const MAX_GROWTH_BYTES = 96 * 1024 * 1024
const MAX_GROWTH_PER_BYTE = 4
const MAX_CORPUS = 400

export interface Decoder {
  readonly name: string
  /** Inputs that it accepts, and others worth beginning with. */
  readonly seeds: () => readonly Uint8Array[]
  /** Answers the one encoding of what was decoded, where the format has only one. */
  readonly decode: (input: Uint8Array) => unknown
  /** The codes with which it refuses. */
  readonly refuses: RegExp
}

export interface FuzzOptions {
  readonly seed: number
  readonly isOver: (executions: number) => boolean
}

export interface FuzzReport {
  readonly executions: number
  readonly accepted: number
  /** Places where inputs were refused, and kinds of acceptance. */
  readonly places: number
}

/** @throws {Error} what is wrong, with the input */
export async function fuzz(decoder: Decoder, { seed, isOver }: FuzzOptions): Promise<FuzzReport> {
  const random = new Random(`${seed}/${decoder.name}`)
  const seeds = decoder.seeds()
  const corpus = [...seeds]
  const places = new Set<string>()
  let executions = 0
  let accepted = 0
  const run = async (input: Uint8Array): Promise<void> => {
    executions++
    const place = await judge(decoder, input)
    if (place.startsWith('accepted')) accepted++
    if (places.has(place)) return
    places.add(place)
    if (corpus.length < MAX_CORPUS) corpus.push(input)
  }
  for (const input of seeds) await run(input)
  await run(new Uint8Array(0))
  while (!isOver(executions)) await run(mutated(random, corpus))
  return { executions, accepted, places: places.size }
}

/** Where an input ended. @throws {Error} when it ended as none may */
async function judge(decoder: Decoder, input: Uint8Array): Promise<string> {
  const complain = (what: string, cause?: unknown): never => {
    const shown = Buffer.from(input.subarray(0, 2_000)).toString('hex')
    throw new Error(`${decoder.name} ${what}, given ${input.length} bytes: ${shown}`, { cause })
  }
  const maxMs = MAX_MS + input.length * MAX_MS_PER_BYTE
  const before = memoryInUse()
  let first = await measured(decoder, input)
  const growth = memoryInUse() - before
  if (growth > MAX_GROWTH_BYTES + input.length * MAX_GROWTH_PER_BYTE)
    complain(`takes ${growth} bytes of memory`)
  // What else the process did is no fault of the decoder's.
  for (let left = 2; left > 0 && first.ms > maxMs; left--) first = await measured(decoder, input)
  if (first.ms > maxMs) complain(`takes ${first.ms} ms`)
  const { error, answer } = first
  if (error !== undefined) {
    const { code, stack = '' } = error as { code?: unknown; stack?: string }
    if (typeof code !== 'string' || !decoder.refuses.test(code))
      complain('fails without a code of its own', error)
    return `${code} ${placeIn(stack)}`
  }
  if (answer instanceof Uint8Array && !Buffer.from(answer).equals(input)) {
    complain(`accepts what it would write as ${Buffer.from(answer.subarray(0, 2_000)).toString('hex')}`)
  }
  return `accepted ${Math.ceil(Math.log2(input.length + 1))}`
}

async function measured(
  { decode }: Decoder,
  input: Uint8Array
): Promise<{ readonly ms: number; readonly error?: unknown; readonly answer?: unknown }> {
  const start = process.cpuUsage()
  const ms = (): number => {
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1000
  }
  try {
    const answer = await decode(input)
    return { ms: ms(), answer }
  } catch (error) {
    return { ms: ms(), error }
  }
}

function memoryInUse(): number {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}

/** The innermost lines of a stack. */
function placeIn(stack: string): string {
  const lines = stack.split('\n').filter((line) => line.includes('/src/'))
  return lines
    .slice(0, 4)
    .map((line) => line.replace(/^.*\/([^/]+:\d+):\d+\)?$/, '$1'))
    .join(' ')
}
