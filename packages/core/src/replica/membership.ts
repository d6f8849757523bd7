import type { ActorId } from '@cis-memory/clock'
import { isSignedBy } from '../entry/commit.ts'
import type { DeviceId } from '../entry/ed25519.ts'
import {
  type EpochRecord,
  type GenesisRecord,
  hasValidSignature,
  type MemberRecord,
  type RecordId,
  type SystemRecord
} from '../entry/records.ts'
import type { SpaceId } from '../entry/space-keys.ts'
import { SyncError } from '../errors.ts'

const SHORT_ID_DIGITS = 8

/** A device of the space as its records describe it. */
export interface Member {
  readonly device: DeviceId
  readonly isAdmin: boolean
  readonly name: string
}

/**
 * Who belongs to a space and who writes as whom: a pure function of the set of records that members made, so that every
 * replica with the same records gives the same answers, in whatever order they came.
 */
export class Membership {
  readonly space: SpaceId
  readonly #genesis: GenesisRecord
  readonly #records = new Map<RecordId, SystemRecord>()
  readonly #epochs = new Map<ActorId, EpochRecord>()
  /** Which devices say that they have gone on from an actor: any member may, and only its own counts. */
  readonly #succeeded = new Map<ActorId, Set<DeviceId>>()
  readonly #forked = new Set<ActorId>()
  readonly #members = new Map<DeviceId, Member>()
  /** The record that a member has its name of. */
  readonly #named = new Map<DeviceId, MemberRecord>()
  /** What people call the members, once it was asked for. */
  #names: ReadonlyMap<DeviceId, string> | undefined

  constructor(genesis: GenesisRecord) {
    this.#genesis = genesis
    this.space = genesis.space
    this.add(genesis)
  }

  /** A copy to try records on, before they are durable. */
  clone(): Membership {
    const copy = new Membership(this.#genesis)
    for (const record of this.#records.values()) copy.add(record)
    return copy
  }

  has(id: RecordId): boolean {
    return this.#records.has(id)
  }

  /** All records known, genesis first. */
  records(): readonly SystemRecord[] {
    return [...this.#records.values()]
  }

  /**
   * Adds those of these records that members made, in whatever order they come, and answers which are new. The rest is
   * left out: anybody can sign some, without end, and one that cannot be judged yet comes again with those that it
   * follows from.
   *
   * @throws {SyncError} `SYNC_BAD_PROOF` for one that its author has not signed. Those before it were added.
   */
  takeIn(records: readonly SystemRecord[]): SystemRecord[] {
    const added: SystemRecord[] = []
    for (let left = records, before = Number.POSITIVE_INFINITY; left.length < before; ) {
      before = left.length
      left = left.filter((record) => {
        if (this.has(record.id)) return false
        if (!this.#isFromMember(record)) return true
        if (!this.#isAuthentic(record)) {
          throw new SyncError(
            'SYNC_BAD_PROOF',
            'a system record is not authentic; nothing it came with was kept'
          )
        }
        this.add(record)
        added.push(record)
        return false
      })
    }
    return added
  }

  /** Adds a record that was taken in before, or is our own. */
  add(record: SystemRecord): void {
    if (this.has(record.id)) return
    this.#records.set(record.id, record)
    switch (record.kind) {
      case 'genesis':
        this.#members.set(record.device, { device: record.device, isAdmin: true, name: '' })
        break
      case 'member':
        this.#addMember(record)
        break
      case 'epoch':
        this.#addEpoch(record)
        break
      case 'fork':
        this.#forked.add(record.actor)
    }
  }

  isMember(device: DeviceId): boolean {
    return this.#members.has(device)
  }

  member(device: DeviceId): Member | undefined {
    return this.#members.get(device)
  }

  /** What people call a device: its name, with the first digits of its id when it has none or another has the same. */
  nameOf(device: DeviceId): string {
    this.#names ??= distinctNames(this.members())
    return this.#names.get(device) ?? shortId(device)
  }

  members(): readonly Member[] {
    return [...this.#members.values()]
  }

  /** The device an actor writes for. */
  deviceOf(actor: ActorId): DeviceId | undefined {
    return this.#epochs.get(actor)?.device
  }

  epochOf(actor: ActorId): EpochRecord | undefined {
    return this.#epochs.get(actor)
  }

  /** Whether a device has gone on from this actor to another. */
  hasSuccessor(actor: ActorId): boolean {
    const device = this.deviceOf(actor)
    return device !== undefined && this.#succeeded.get(actor)?.has(device) === true
  }

  /** Actors that have written two things under one number. */
  forkedActors(): readonly ActorId[] {
    return [...this.#forked]
  }

  isForked(actor: ActorId): boolean {
    return this.#forked.has(actor)
  }

  /** Whether entries of an actor may be applied. */
  mayWrite(actor: ActorId): boolean {
    const device = this.deviceOf(actor)
    return device !== undefined && this.isMember(device)
  }

  /** The records that show a device's membership: its own, and those of the admins that lead to it, which come first. */
  credentialsOf(device: DeviceId, actor: ActorId): SystemRecord[] {
    const needed = new Set<SystemRecord>()
    const visited = new Set<DeviceId>()
    const visit = (who: DeviceId): void => {
      if (visited.has(who)) return
      visited.add(who)
      for (const record of this.#records.values()) {
        if (record.kind !== 'member' || record.device !== who) continue
        visit(record.issuer)
        needed.add(record)
      }
    }
    visit(device)
    const epoch = this.#epochs.get(actor)
    if (epoch !== undefined) needed.add(epoch)
    return [...needed]
  }

  #isFromMember(record: SystemRecord): boolean {
    switch (record.kind) {
      case 'genesis':
        return false // there is one, and it is known
      case 'member':
        return this.member(record.issuer)?.isAdmin === true
      case 'epoch':
        return this.isMember(record.device)
      case 'fork':
        return this.mayWrite(record.actor)
    }
  }

  /** Of this space, and truly by its author. */
  #isAuthentic(record: SystemRecord): boolean {
    if (record.space !== this.space) return false
    if (record.kind !== 'fork') return hasValidSignature(record)
    const device = this.deviceOf(record.actor)
    return device !== undefined && record.commits.every((commit) => isSignedBy(commit, device))
  }

  /** Once an admin, always one; a name is that of the latest record. */
  #addMember(record: MemberRecord): void {
    const { device } = record
    const latest = this.#named.get(device)
    const named = latest === undefined || isLaterRecord(record, latest) ? record : latest
    const isAdmin = record.role === 'admin' || this.#members.get(device)?.isAdmin === true
    this.#named.set(device, named)
    this.#members.set(device, { device, isAdmin, name: named.name })
    this.#names = undefined
  }

  #addEpoch(record: EpochRecord): void {
    this.#epochs.set(record.actor, record)
    if (record.previous === undefined) return
    const sayers = this.#succeeded.get(record.previous) ?? new Set()
    this.#succeeded.set(record.previous, sayers.add(record.device))
  }
}

/** Two devices that are called the same are told apart by what their ids begin with. */
function distinctNames(members: readonly Member[]): Map<DeviceId, string> {
  const counts = new Map<string, number>()
  for (const { name } of members) counts.set(name, (counts.get(name) ?? 0) + 1)
  const called = ({ device, name }: Member): string => {
    if (name === '') return shortId(device)
    return counts.get(name) === 1 ? name : `${name}-${shortId(device)}`
  }
  return new Map(members.map((member) => [member.device, called(member)]))
}

function shortId(device: DeviceId): string {
  return device.slice(0, SHORT_ID_DIGITS)
}

function isLaterRecord(a: MemberRecord, b: MemberRecord): boolean {
  return a.hlc === b.hlc ? a.id > b.id : a.hlc > b.hlc
}
