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

const SHORT_ID_DIGITS = 8

/** A device of the space as its records describe it. */
export interface Member {
  readonly device: DeviceId
  readonly isAdmin: boolean
  readonly name: string
}

interface Derived {
  readonly members: ReadonlyMap<DeviceId, Member>
  readonly names: ReadonlyMap<DeviceId, string>
}

/**
 * Who belongs to a space and who writes as whom: a pure function of the set of records, so that every replica with
 * the same records gives the same answers, in whatever order they came.
 */
export class Membership {
  readonly space: SpaceId
  readonly #genesis: GenesisRecord
  readonly #records = new Map<RecordId, SystemRecord>()
  readonly #epochs = new Map<ActorId, EpochRecord>()
  /** Which devices say that they have gone on from an actor: anybody may, and only its own counts. */
  readonly #succeeded = new Map<ActorId, Set<DeviceId>>()
  readonly #forked = new Set<ActorId>()
  /** What follows from the records there are, once it was asked for. */
  #derived: Derived | undefined

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

  /** Whether a record may be added: of this space and truly by its author. */
  accepts(record: SystemRecord): boolean {
    if (record.space !== this.space) return false
    if (record.kind !== 'fork') return hasValidSignature(record)
    const device = this.deviceOf(record.actor)
    return device !== undefined && record.commits.every((commit) => isSignedBy(commit, device))
  }

  /** Adds a record that is accepted. */
  add(record: SystemRecord): void {
    this.#records.set(record.id, record)
    if (record.kind === 'epoch') {
      this.#epochs.set(record.actor, record)
      if (record.previous !== undefined) {
        const sayers = this.#succeeded.get(record.previous) ?? new Set()
        this.#succeeded.set(record.previous, sayers.add(record.device))
      }
    }
    if (record.kind === 'fork') this.#forked.add(record.actor)
    if (record.kind === 'member' || record.kind === 'genesis') this.#derived = undefined
  }

  isMember(device: DeviceId): boolean {
    return this.#derive().members.has(device)
  }

  member(device: DeviceId): Member | undefined {
    return this.#derive().members.get(device)
  }

  /** What people call a device: its name, with the first digits of its id when it has none or another has the same. */
  nameOf(device: DeviceId): string {
    return this.#derive().names.get(device) ?? shortId(device)
  }

  members(): readonly Member[] {
    return [...this.#derive().members.values()]
  }

  /** The device an actor writes for, member or not. */
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

  /**
   * The records that show a device's membership: its own, and those of the admins that lead to it. What others say of
   * it, as much as they like, shows nothing.
   */
  credentialsOf(device: DeviceId, actor: ActorId): SystemRecord[] {
    const needed = new Set<SystemRecord>()
    const visit = (who: DeviceId): void => {
      for (const record of this.#records.values()) {
        if (record.kind !== 'member' || record.device !== who || needed.has(record)) continue
        if (this.member(record.issuer)?.isAdmin !== true) continue
        needed.add(record)
        visit(record.issuer)
      }
    }
    visit(device)
    const epoch = this.#epochs.get(actor)
    if (epoch !== undefined) needed.add(epoch)
    return [...needed]
  }

  /** Not with every record: anybody may sign some, and each of them would cost a walk through all. */
  #derive(): Derived {
    if (this.#derived === undefined) {
      const members = this.#deriveMembers()
      this.#derived = { members, names: distinctNames([...members.values()]) }
    }
    return this.#derived
  }

  #deriveMembers(): Map<DeviceId, Member> {
    const members = new Map<DeviceId, Member>()
    const named = new Map<DeviceId, MemberRecord>()
    for (const record of this.#records.values()) {
      if (record.kind === 'genesis')
        members.set(record.device, { device: record.device, isAdmin: true, name: '' })
    }
    for (let isGrowing = true; isGrowing; ) {
      isGrowing = false
      for (const record of this.#records.values()) {
        if (record.kind !== 'member' || members.get(record.issuer)?.isAdmin !== true) continue
        const before = members.get(record.device)
        const latest = named.get(record.device)
        const isLater = latest === undefined || isLaterRecord(record, latest)
        const isAdmin = before?.isAdmin === true || record.role === 'admin'
        if (before !== undefined && before.isAdmin === isAdmin && !isLater) continue
        if (isLater) named.set(record.device, record)
        const name = named.get(record.device)?.name ?? ''
        if (before?.isAdmin === isAdmin && before.name === name) continue
        members.set(record.device, { device: record.device, isAdmin, name })
        isGrowing = true
      }
    }
    return members
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
