import fc from 'fast-check'
import type { World } from './world.ts'

/** Paths that test every boundary of a scope: itself, below it, beside it with the same beginning. */
export const PATHS = [
  '/acme/a',
  '/acme/web',
  '/acme/web/a',
  '/acme/web/config/a',
  '/acme/website',
  '/acme/api/a'
]
export const SCOPES = [
  '/acme',
  '/acme/web',
  '/acme/web/config',
  '/acme/website',
  '/acme/api',
  '/acme/nothing'
]

/** Devices and contexts are numbers that wrap around, so that every number means one. */
export type WorldStep =
  | { readonly type: 'write'; readonly device: number; readonly path: string; readonly value: number }
  | {
      readonly type: 'delete' | 'undo' | 'curate' | 'propose' | 'refuse'
      readonly device: number
      readonly path: string
    }
  | {
      readonly type: 'settle'
      readonly device: number
      readonly path: string
      readonly choice: 'local' | 'remote' | 'both' | 'proposal' | 'delete' | 'value' | 'one'
      readonly pick: number
    }
  /** Any version of the history again, by its place in it. */
  | { readonly type: 'restore'; readonly device: number; readonly path: string; readonly pick: number }
  | { readonly type: 'pull'; readonly device: number; readonly from: number }
  /** Two devices write, and one of them receives what the other wrote. */
  | { readonly type: 'collide'; readonly device: number; readonly from: number; readonly path: string }
  /** They do, and the owner of the first settles it, and takes that back. */
  | {
      readonly type: 'change-of-mind'
      readonly device: number
      readonly from: number
      readonly path: string
      readonly choice: 'local' | 'remote' | 'both' | 'value' | 'delete'
    }
  /** The owner looks at everything. */
  | { readonly type: 'look'; readonly device: number }
  | { readonly type: 'set-clock'; readonly device: number; readonly byMs: number }
  /** The device stops at one of its next writes, which the disk has or has not, and is opened again. */
  | {
      readonly type: 'crash'
      readonly device: number
      readonly afterWrites: number
      readonly isOnDisk: boolean
    }
  /** The device is closed and opened again, perhaps with other policies. */
  | { readonly type: 'reopen'; readonly device: number; readonly policies: number }

export interface CheckStep {
  readonly type: 'check'
  readonly device: number
  readonly scope: string
  readonly onConflict: 'abort' | 'finish'
  /** The check covers the whole scope, whatever of it is asked for. */
  readonly select: 'everything' | 'keys' | 'one key'
  readonly maxAgeMs: number | undefined
  /** Whom to pull from first; nobody, or somebody who does not answer. */
  readonly fresh: number | 'no' | 'fails'
  /** Whether events reach the guard. They only inform: the promise must hold without them. */
  readonly isDeaf: boolean
  /** What happens after the conflicts were listed and before memory is read. */
  readonly meanwhile: readonly WorldStep[]
}

export type Step =
  | WorldStep
  | CheckStep
  | { readonly type: 'run'; readonly context: number; readonly meanwhile: readonly WorldStep[] }
  | {
      readonly type: 'agent-write'
      readonly context: number
      readonly path: string
      /** `undefined` deletes. */
      readonly value: number | undefined
    }

const device = fc.nat({ max: 2 })
const path = fc.constantFrom(...PATHS)
const value = fc.integer({ min: 0, max: 3 })
const pick = fc.nat({ max: 7 })

type StepOf<T, S = Step> = S extends { readonly type: infer U } ? (T extends U ? S : never) : never
type FieldsOf<T> = Omit<StepOf<T>, 'type'>

function step<T extends Step['type']>(
  type: T,
  fields: { [K in keyof FieldsOf<T>]: fc.Arbitrary<FieldsOf<T>[K]> }
): fc.Arbitrary<Step> {
  return fc.record({ type: fc.constant(type), ...fields }) as unknown as fc.Arbitrary<Step>
}

const worldSteps: readonly [weight: number, fc.Arbitrary<Step>][] = [
  [4, step('write', { device, path, value })],
  [3, step('pull', { device, from: device })],
  [3, step('collide', { device, from: device, path })],
  [
    2,
    step('settle', {
      device,
      path,
      choice: fc.constantFrom('local', 'remote', 'both', 'proposal', 'delete', 'value', 'one'),
      pick
    })
  ],
  [2, step('undo', { device, path })],
  [
    1,
    step('change-of-mind', {
      device,
      from: device,
      path,
      choice: fc.constantFrom('local', 'remote', 'both', 'value', 'delete')
    })
  ],
  [1, step('delete', { device, path })],
  [1, step('restore', { device, path, pick })],
  [1, step('curate', { device, path })],
  [1, step('propose', { device, path })],
  [1, step('refuse', { device, path })],
  [1, step('look', { device })],
  [1, step('set-clock', { device, byMs: fc.integer({ min: -3_600_000, max: 3_600_000 }) })],
  [1, step('crash', { device, afterWrites: fc.nat({ max: 4 }), isOnDisk: fc.boolean() })],
  [1, step('reopen', { device, policies: pick })]
]

const worldStep = fc.oneof(
  ...worldSteps.map(([weight, arbitrary]) => ({ weight, arbitrary }))
) as fc.Arbitrary<WorldStep>
const meanwhile = fc.array(worldStep, { maxLength: 3 })

const check = step('check', {
  device,
  scope: fc.constantFrom(...SCOPES),
  onConflict: fc.constantFrom('abort', 'finish'),
  select: fc.constantFrom('everything', 'keys', 'one key'),
  maxAgeMs: fc.constantFrom(undefined, undefined, 60_000),
  fresh: fc.oneof(fc.constant<'no'>('no'), fc.constant<'no'>('no'), fc.constant<'fails'>('fails'), device),
  isDeaf: fc.boolean(),
  meanwhile: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: meanwhile })
})
const run = step('run', { context: fc.nat({ max: 30 }), meanwhile: fc.oneof(fc.constant([]), meanwhile) })
const agentWrite = step('agent-write', {
  context: fc.nat({ max: 30 }),
  path,
  value: fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: fc.constant(undefined) })
})

/** A step as fast-check runs and shrinks it. */
class StepCommand implements fc.AsyncCommand<object, World> {
  readonly #step: Step

  constructor(step: Step) {
    this.#step = step
  }

  check(): boolean {
    return true
  }

  run(_: object, world: World): Promise<void> {
    return world.take(this.#step)
  }

  toString(): string {
    return JSON.stringify(this.#step)
  }
}

const asCommand = (arbitrary: fc.Arbitrary<Step>): fc.Arbitrary<fc.AsyncCommand<object, World>> =>
  arbitrary.map((each) => new StepCommand(each))

/** Sequences of steps, most of them of the world and the rest of guards and agents. */
export const commands: fc.Arbitrary<Iterable<fc.AsyncCommand<object, World>>> = fc.commands(
  [...Array<fc.Arbitrary<Step>>(4).fill(worldStep), check, check, run, agentWrite].map(asCommand),
  { maxCommands: 50, size: 'max' }
)
