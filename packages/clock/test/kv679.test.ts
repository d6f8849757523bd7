import { expect, it } from 'vitest'
import { type CausalEntry, contextFor, merge, type Timestamp } from '../src/index.ts'
import { actor } from './build.ts'

/*
 * The counterexamples of Riak's issue 679 (basho/riak_kv#679, `eqc/kv679_fb_byz{,2,3}.eqc`, as we read those files): a
 * replica that has forgotten a key, as after a restore, coordinates writes of it again. There its writes were taken for
 * old ones, and acknowledged values were gone. Here it goes on under a new name.
 *
 *   put X→Y    X writes and Y gets what it wrote       replicate X→Y    Y gets all that X has
 *   forget X   X has nothing of the key any more
 */
const TRACES = [
  'put p1→p2; forget p1; put p1→f3; put p1→p2; forget p1; replicate f3→p1; put p1→p2',
  'put p2→p3; replicate p2→p1; put p1→p2; put p1→p2; forget p1; replicate p3→p1; put p1→p2',
  'put p1→p2; put p3→p2; put p1→f3; put p1→f1; forget p1; replicate p3→p1; replicate f3→p1; put p1→p2'
]

interface Replica {
  name: string
  count: number
  clock: number
  live: CausalEntry[]
}

/** Acknowledged writes that are neither live anywhere in the end nor replaced by somebody who had seen them. */
function lostIn(trace: string, forgets: (replica: Replica, freshName: () => string) => void): string[] {
  const names = [...'123456789abcdef']
  const freshName = (): string => names.shift() as string
  const replicas = new Map<string, Replica>()
  const at = (place = ''): Replica => {
    const replica = replicas.get(place) ?? { name: freshName(), count: 0, clock: 0, live: [] }
    replicas.set(place, replica)
    return replica
  }
  const acknowledged: string[] = []
  const replaced = new Set<string>()
  for (const step of trace.split('; ')) {
    const [what, places = ''] = step.split(' ')
    const [from, to] = places.split('→')
    const replica = at(from)
    if (what === 'forget') {
      Object.assign(replica, { count: 0, clock: 0, live: [] })
      forgets(replica, freshName)
    }
    if (what === 'replicate') at(to).live = merge(at(to).live, replica.live)
    if (what !== 'put') continue
    const seen = replica.live
    for (const { id } of seen) replaced.add(id)
    replica.count++
    replica.clock = Math.max(replica.clock, ...seen.map(({ hlc }) => Number(hlc))) + 1
    const id = `write ${acknowledged.length + 1}`
    const written: CausalEntry = {
      id,
      dot: { actor: actor(replica.name), n: replica.count },
      hlc: BigInt(replica.clock) as Timestamp,
      context: contextFor(actor(replica.name), seen)
    }
    for (const each of [replica, at(to)]) each.live = merge(each.live, [written])
    acknowledged.push(id)
  }
  const all = [...replicas.values()].reduce<CausalEntry[]>((sum, { live }) => merge(sum, live), [])
  return acknowledged.filter((id) => !replaced.has(id) && !all.some((entry) => entry.id === id))
}

it.each(TRACES)(
  'P11 P15: a replica that forgot and goes on under a new name loses no acknowledged write: %s',
  (trace) => {
    const lost = lostIn(trace, (replica, freshName) => {
      replica.name = freshName()
    })
    expect(lost).toEqual([])
  }
)

it('under its old name it would lose some, which is what these traces are for', () => {
  const lost = TRACES.flatMap((trace) => lostIn(trace, () => {}))
  expect(lost.length).toBeGreaterThan(0)
})
