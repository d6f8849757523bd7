import { promised } from '../../simulator/src/violation.ts'
import { allReceived, type Contents, contentsOf } from './contents.ts'
import { Device, exchange } from './device.ts'
import { type Entries, sameSet } from './entries.ts'
import type { Local } from './transitions.ts'

/** Once around is enough where everybody may talk to everybody; a clone and its original meet through others. */
const MAX_ROUNDS = 2

/** Whether two stores may talk: a device has nothing to say to itself. */
export function canSync(a: Local, b: Local): boolean {
  return a.device !== b.device
}

/** Everybody syncs with everybody, and all must agree about all there was. */
export async function heal(locals: readonly Local[], entries: Entries): Promise<void> {
  const devices: Device[] = []
  for (const { disk, synced, place, life, contents } of locals) {
    const name = `${place}.${life} ${contents.digest} healing`
    devices.push(await Device.open({ disk: disk.copy(), synced, name }))
  }
  let healed: Contents[] = []
  let opinions = new Set<string>()
  for (let round = 0; round < MAX_ROUNDS && opinions.size !== 1; round++) {
    await syncAll(devices, locals)
    healed = []
    for (const { disk } of devices) healed.push(await contentsOf(disk))
    opinions = new Set(healed.map(opinionOf))
  }
  promised(opinions.size === 1, 'P3: replicas converge', () => [...opinions].join(' against '))
  await checkReads(devices)
  checkOwed(locals, healed[0] as Contents, entries)
  checkForks(locals, devices, entries)
}

async function syncAll(devices: readonly Device[], locals: readonly Local[]): Promise<void> {
  for (const [at, dialer] of devices.entries()) {
    for (const [beside, listener] of devices.entries()) {
      if (beside <= at || !canSync(locals[at] as Local, locals[beside] as Local)) continue
      await exchange(dialer, listener, 'sync')
    }
  }
}

/** What all have to agree about in the end: memory, and the records of the space. */
function opinionOf({ live, records }: Contents): string {
  const paths = [...live].map(([path, ids]) => `${path}=${[...ids].sort().join()}`)
  return [...paths.sort(), ...records].join(' ')
}

async function checkReads(devices: readonly Device[]): Promise<void> {
  const opinions: string[] = []
  for (const { memory } of devices) {
    const ids: string[] = []
    for await (const { id, path } of memory.getUnresolvedConflicts()) ids.push(`${path} ${id}`)
    opinions.push(ids.sort().join())
  }
  promised(new Set(opinions).size === 1, 'P3: replicas know the same conflicts', () =>
    opinions.join(' against ')
  )
}

/** P11: all that was anywhere is live everywhere, or what is live had seen it; and none of it is false (P10). */
function checkOwed(locals: readonly Local[], healed: Contents, entries: Entries): void {
  const owed = new Map<string, Set<string>>()
  for (const { contents } of locals) {
    for (const id of [...allReceived(contents), ...contents.held.map((header) => header.id)]) {
      const { path } = entries.get(id)
      owed.set(path, (owed.get(path) ?? new Set()).add(id))
    }
  }
  for (const [path, ids] of owed) {
    const live = healed.live.get(path) ?? []
    const isForged = [...ids].some((id) => entries.get(id).isForged)
    if (!isForged) {
      const expected = entries.live(ids)
      promised(sameSet(expected, live), 'P11: whatever was written and not lost is owed to all', () => {
        return `${live.join()} instead of ${[...expected].join()}`
      })
    }
    for (const id of ids) {
      const entry = entries.get(id)
      const isThere = entry.isForged || entries.accountsFor(live, entry, ids)
      promised(isThere, 'P11: whatever was written and not lost is owed to all', () => id)
    }
  }
  const waits = healed.held.filter(({ id }) => !entries.get(id).isForged)
  promised(waits.length === 0, 'whatever an honest member wrote is judged in the end', () => waits.join())
}

/** P16: who wrote two things under one number is known to all, once both were applied somewhere. */
function checkForks(locals: readonly Local[], devices: readonly Device[], entries: Entries): void {
  const dots = new Map<string, string>()
  for (const id of locals.flatMap(({ contents }) => allReceived(contents))) {
    const { actor, n } = entries.get(id)
    const other = dots.get(`${actor}:${n}`) ?? id
    dots.set(`${actor}:${n}`, id)
    if (other === id) continue
    const isKnown = devices.every(({ replica }) => replica.membership.isForked(actor as never))
    promised(isKnown, 'P16: forks become known to all', () => `${id} and ${other}`)
  }
}
