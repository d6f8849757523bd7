import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { isSignedBy } from '../../../packages/core/src/entry/commit.ts'
import { fsck } from '../../../packages/core/test/support/fsck.ts'
import { codeOf } from '../../simulator/src/expected.ts'
import { promised } from '../../simulator/src/violation.ts'
import { allReceived, type Contents, contentsOf } from './contents.ts'
import { type Device, PATH } from './device.ts'
import { DELETED, type Entries, sameSet } from './entries.ts'
import type { Act } from './operations.ts'

/** Which versions each conflict id stands for, on all devices of all paths. */
export type ConflictIds = Map<string, string>

/** What a device must be like at any moment, whatever has happened. Leaves its public rows as they are. */
export class Checks {
  readonly #entries: Entries
  readonly #conflictIds: ConflictIds = new Map()
  /** Commits whose signature was found good. */
  readonly #signed = new Set<string>()

  constructor(entries: Entries) {
    this.#entries = entries
  }

  async check(device: Device, contents: Contents): Promise<void> {
    const { disk, replica } = device
    const isSigned: typeof isSignedBy = (commit, by) => {
      const name = `${commit.id} ${by}`
      if (!this.#signed.has(name) && isSignedBy(commit, by)) this.#signed.add(name)
      return this.#signed.has(name)
    }
    const complaints = await fsck(replica, disk, { isSigned })
    promised(complaints.length === 0, 'P14: all rows agree', () => complaints.join('; '))
    this.#checkLive(contents)
    await this.#checkRead(device, contents)
    await this.#checkBlindPuts(device, contents)
    await this.#checkDelivery(device, contents)
    const { digest } = await contentsOf(disk)
    promised(digest === contents.digest, 'P30: reading writes nothing', () => 'public rows have changed')
  }

  /** What follows from what the owner did. */
  checkAct(act: Act, value: string, written: string, before: Contents, after: Contents): void {
    const entry = this.#entries.get(written)
    const { path, parents } = entry
    const stood = before.live.get(path) ?? []
    promised(after.live.get(path)?.join() === written, 'P11: an acknowledged write is live', () => written)
    promised(sameSet(parents, stood), 'P18 P29: a write replaces exactly what its writer was shown', () => {
      return `${written} names ${parents.join()} instead of ${stood.join()}`
    })
    for (const seen of this.#entries.seenBy(written)) {
      promised(this.#entries.get(seen).hlc < entry.hlc, 'P8: what was seen is older', () => written)
    }
    const shown = stood.flatMap((id) => this.#entries.get(id).values)
    const says = entry.values.join()
    if (act === 'put') promised(says === value, 'P11: a write says what was asked', () => written)
    if (act === 'delete') promised(says === DELETED, 'P11: a deletion deletes', () => written)
    if (act === 'keep') promised(shown.includes(says), 'P29: what was chosen is kept', () => written)
    if (act === 'undo') {
      const undone = stood.flatMap((id) => this.#entries.get(id).parents)
      const values = undone.length === 0 ? [DELETED] : undone.flatMap((id) => this.#entries.get(id).values)
      promised(sameSet(values, entry.values), 'P34: undo brings back what was there', () => written)
    }
  }

  /** What was here is here; what has come stood at the peer. */
  checkArrived(before: Contents, after: Contents, peer: Contents): void {
    checkNothingLost(before, after)
    const had = new Set(allReceived(before))
    const given = new Set([...peer.live.values()].flat())
    for (const id of allReceived(after)) {
      promised(had.has(id) || given.has(id), 'nothing comes from nowhere', () => id)
    }
  }

  /** After a whole sync everything that stood at the peer has been judged here. */
  checkPulled(before: Contents, after: Contents, peer: Contents): void {
    for (const [path, live] of peer.live) {
      const received = new Set([...(before.received.get(path) ?? []), ...live])
      if ([...received].some((id) => this.#entries.get(id).isForged)) continue
      const expected = this.#entries.live(received)
      promised(sameSet(expected, after.live.get(path) ?? []), 'P21: a sync brings all there is', () => {
        return `${after.live.get(path)?.join()} instead of ${[...expected].join()}`
      })
    }
  }

  #checkLive({ live, received, held }: Contents): void {
    for (const [path, ids] of received) {
      const expected = this.#entries.live(ids)
      promised(
        sameSet(expected, live.get(path) ?? []),
        'P10: no conflict is missed, and none is false',
        () => {
          return `${live.get(path)?.join()} instead of ${[...expected].join()}`
        }
      )
      promised(expected.size > 0, 'P4: merging never empties a path', () => path)
    }
    for (const { id } of held) {
      promised(this.#entries.get(id).isForged, 'what an honest member wrote is judged', () => id)
    }
  }

  async #checkRead({ replica }: Device, { live }: Contents): Promise<void> {
    const view = replica.view('public')
    for (const [path, ids] of live) {
      const read = await view.readAt(Buffer.from(path, 'hex'))
      const values = new Set(ids.flatMap((id) => this.#entries.get(id).values))
      promised(
        (read.state === 'conflict') === values.size > 1,
        'P10: a read tells of every conflict',
        () => path
      )
      promised(sameSet(read.base, ids), 'P10: a read is based on all that is live', () => path)
      if (read.state !== 'conflict') continue
      const versions = [...ids].sort().join()
      const { id } = read.conflict
      const isOne = (this.#conflictIds.get(id) ?? versions) === versions
      promised(isOne && (this.#conflictIds.get(versions) ?? id) === id, 'one conflict, one id', () => id)
      this.#conflictIds.set(id, versions).set(versions, id)
    }
  }

  /** P18: whoever has seen nothing, or what was there before, is refused. */
  async #checkBlindPuts({ memory, replica }: Device, { live, received }: Contents): Promise<void> {
    const path = toHex(replica.view('public').codec.tokens.of(PATH as never))
    const standing = live.get(path) ?? []
    if (standing.length === 0) return
    const isDeleted = standing.every((id) => this.#entries.get(id).values.every((says) => says === DELETED))
    const gone = [...(received.get(path) ?? [])].find((id) => !standing.includes(id))
    const bases = [...(isDeleted ? [] : [[]]), ...(gone === undefined ? [] : [[gone]])]
    for (const base of bases) {
      const outcome = await memory.public.put(PATH, 'blind', { base: base as never }).catch(codeOf)
      const code = this.#entries.isContested(standing) ? 'CORE_CONTESTED' : 'CORE_STALE_BASE'
      promised(outcome === code, 'P18: a put never replaces what its writer had not seen', () => {
        return `on [${base.join()}]: ${JSON.stringify(outcome)}`
      })
    }
  }

  /** P33: an agent is given exactly what is there, unless anything in scope is contested. */
  async #checkDelivery(device: Device, { live }: Contents): Promise<void> {
    const standing = [...live.values()]
    const isContested = standing.some((ids) => this.#entries.isContested(ids))
    const given = await device.deliver()
    promised((given === 'refused') === isContested, 'P33: no agent is given contested memory', () => {
      return `${standing.join(' ')}: ${JSON.stringify(given)}`
    })
    if (given === 'refused') return
    const values = standing.flat().flatMap((id) => this.#entries.get(id).values)
    const isWhole = sameSet(
      values.filter((says) => says !== DELETED),
      given.map(String)
    )
    promised(isWhole, 'P33: an agent is given what is there', () => JSON.stringify(given))
  }
}

/** P11: nothing that was ever here goes, but with the disk. */
export function checkNothingLost(before: Contents, after: Contents): void {
  const known = new Set([...allReceived(after), ...after.held.map(({ id }) => id)])
  for (const id of [...allReceived(before), ...before.held.map((header) => header.id)]) {
    promised(known.has(id), 'P11: what was ever live is live or in history', () => id)
  }
}
