import type { Faults } from './faults.ts'
import type { Cut } from './network.ts'
import { Random } from './random.ts'
import { type Action, ATTACKS, type Deed, type Script } from './script.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** Numbers that wrap around: more than there are of anything. */
const INDEX_END = 1000

export interface GenerateOptions {
  readonly seed: number
  readonly steps: number
  readonly replicas: number
  readonly faults: Faults
}

/** The script of a seed. It does not look at what becomes of it, so it can be cut short anywhere. */
export function generate({ seed, steps, replicas, faults }: GenerateOptions): Script {
  const random = new Random(`script ${seed}`)
  const makers = weights(faults)
  const actions = Array.from({ length: steps }, (): Action => {
    const gapMs = random.chance(0.3)
      ? 0
      : random.chance(0.05)
        ? random.between(5_000, 60_000)
        : random.between(1, 500)
    return { ...random.weighted(makers)(random, faults), gapMs }
  })
  return { seed, replicas, faults, actions }
}

type Maker = (random: Random, faults: Faults) => Deed

const index = (random: Random): number => random.below(INDEX_END)
const think = (random: Random): number => (random.chance(0.6) ? 0 : random.between(1, 3_000))

/** A few paths are written much more often than others. */
const path = (random: Random): number => (random.chance(0.4) ? random.below(2) : index(random))

const put: Maker = (random) => ({
  type: 'put',
  device: index(random),
  path: path(random),
  base: random.pick(['none', 'remembered', 'read', 'read', 'overwrite']),
  thinkMs: think(random)
})

const erase: Maker = (random, faults) => ({
  ...(put(random, faults) as Extract<Deed, { type: 'put' | 'delete' }>),
  type: 'delete'
})

const at =
  (type: 'private' | 'read' | 'undo' | 'broadcast'): Maker =>
  (random) => ({ type, device: index(random), path: path(random) })

const sync: Maker = (random, { cut }) => ({
  type: 'sync',
  device: index(random),
  peer: index(random),
  direction: random.pick(['both', 'both', 'both', 'push', 'pull']),
  scope: random.chance(0.8) ? 0 : random.between(1, 2),
  share: random.chance(0.9) ? 0 : random.between(1, 2),
  isKept: random.chance(0.4),
  ...(random.chance(cut) ? { cut: cutOf(random) } : {})
})

/** Handshakes take about 1 500 bytes; a page takes up to 256 KiB. */
function cutOf(random: Random): Cut {
  const atByte = random.chance(0.5) ? random.below(2_000) : random.below(20_000)
  return { atByte, isSilent: random.chance(0.3) }
}

function weights(faults: Faults): (readonly [number, Maker])[] {
  return [
    [0.2, put],
    [0.03, erase],
    [
      0.02,
      (random) => ({ type: 'burst', device: index(random), path: path(random), count: random.between(2, 8) })
    ],
    [0.03, at('private')],
    [0.04, at('read')],
    [0.02, at('undo')],
    [0.12, at('broadcast')],
    [
      0.04,
      (random) => ({ type: 'edit', device: index(random), path: index(random), thinkMs: think(random) })
    ],
    [0.1, resolve],
    [0.06, deliver],
    [0.24, sync],
    [0.005, (random) => ({ type: 'restart', device: index(random) })],
    [faults.partition, (random) => partition(random, random.pick(['pair', 'alone']))],
    [faults.oneWay, (random) => partition(random, 'one-way')],
    [faults.crash, (random) => crash(random, false)],
    [faults.powerCut, (random) => crash(random, true)],
    [
      faults.fullDisk,
      (random) => ({ type: 'fill-disk', device: index(random), ms: random.between(1_000, 30_000) })
    ],
    [2 * (faults.restore + faults.silentCopy), (random) => ({ type: 'back-up', device: index(random) })],
    [faults.restore, (random) => restore(random, false)],
    [faults.clone, (random) => ({ type: 'clone', device: index(random), isSilent: false })],
    [faults.silentCopy / 2, (random) => restore(random, true)],
    [faults.silentCopy / 2, (random) => ({ type: 'clone', device: index(random), isSilent: true })],
    [faults.clock, setClock],
    [faults.hostile > 0 ? faults.attack : 0, attack]
  ]
}

const resolve: Maker = (random) => ({
  type: 'resolve',
  device: index(random),
  path: path(random),
  choice: random.pick(['local', 'remote', 'both', 'one', 'value', 'delete']),
  pick: index(random),
  thinkMs: think(random)
})

const deliver: Maker = (random) => ({
  type: 'deliver',
  device: index(random),
  scope: index(random),
  onConflict: random.pick(['abort', 'finish']),
  path: path(random),
  thinkMs: think(random)
})

function partition(random: Random, kind: 'one-way' | 'pair' | 'alone'): Deed {
  return {
    type: 'partition',
    device: index(random),
    peer: index(random),
    ms: random.between(100, 60_000),
    kind
  }
}

function crash(random: Random, isPowerCut: boolean): Deed {
  return {
    type: 'crash',
    device: index(random),
    isPowerCut,
    atWrite: random.below(4),
    isLanded: random.chance(0.5),
    kept: random.below(101) / 100,
    downMs: random.between(10, 20_000)
  }
}

function restore(random: Random, isSilent: boolean): Deed {
  return { type: 'restore', device: index(random), isSilent, downMs: random.between(10, 5_000) }
}

const setClock: Maker = (random) => ({
  type: 'set-clock',
  device: index(random),
  offsetMs: random.weighted([
    [5, 0],
    [3, random.between(-20 * MINUTE_MS, 20 * MINUTE_MS)],
    [2, random.between(-30 * DAY_MS, 30 * DAY_MS)]
  ])
})

const attack: Maker = (random) => ({
  type: 'attack',
  device: index(random),
  victim: index(random),
  kind: random.pick(ATTACKS),
  path: index(random),
  pick: index(random)
})
