import { timestampFromMs } from '@cis-memory/clock'
import { MemoryStore } from '@cis-memory/store'
import { describe, expect, it } from 'vitest'
import { encodeCbor } from '../../src/entry/cbor.ts'
import { DeviceKey } from '../../src/entry/ed25519.ts'
import { createMember, type SystemRecord } from '../../src/entry/records.ts'
import { adoptSpace, deviceIdentity } from '../../src/index.ts'
import { memoryChannelPair } from '../../src/sync/index.ts'
import {
  decodeInvitation,
  encodeInvitation,
  type Invitation,
  invitationId
} from '../../src/sync/invitation.ts'
import type { Joiner, Welcome } from '../../src/sync/invitation-store.ts'
import { answerJoin, type JoinOutcome, joinSpace } from '../../src/sync/join.ts'
import { type Device, devices, openDevice, TestRuntime } from '../support/world.ts'
import { sync } from './line.ts'
import { liveIds } from './state.ts'

const HOUR_MS = 3_600_000

async function inviter(): Promise<Device> {
  const [device] = (await devices(1)) as [Device]
  return device
}

async function invite(device: Device, expiresInMs = HOUR_MS): Promise<Invitation> {
  const { replica, runtime } = device
  const secret = replica.random(32)
  const expiresAt = runtime.now() + expiresInMs
  await replica.invitations.addInvitation({ id: invitationId(secret), secret, expiresAt })
  const { space, device: inviter } = replica
  return decodeInvitation(encodeInvitation({ space, inviter, secret, expiresAt, addresses: ['here'] }))
}

/** A device that belongs to no space yet. */
class Newcomer {
  readonly store: MemoryStore = new MemoryStore({ continuity: 'kept' })
  readonly runtime: TestRuntime = new TestRuntime()

  async key(): Promise<DeviceKey> {
    return deviceIdentity(this.store, this.runtime)
  }

  open(): Promise<Device> {
    return openDevice(this.store, this.runtime)
  }
}

interface JoinResult {
  readonly outcome: JoinOutcome
  readonly error: unknown
  readonly welcome: Welcome | undefined
  readonly frames: readonly Uint8Array[]
}

interface JoinSetup {
  readonly onJoiner?: (joiner: Joiner) => boolean
  /** Breaks the line in place of this frame of the inviter's. */
  readonly cutAt?: number
  readonly name?: string
}

async function join(
  newcomer: Newcomer,
  host: Device,
  invitation: Invitation,
  setup: JoinSetup = {}
): Promise<JoinResult> {
  const key = await newcomer.key()
  const [atNewcomer, atHost] = memoryChannelPair(key.id, host.replica.device)
  const frames: Uint8Array[] = []
  const tapped = {
    peer: atHost.peer,
    send: async (frame: Uint8Array) => {
      if (frames.length === setup.cutAt) atHost.abort(new Error('cut'))
      frames.push(frame)
      await atHost.send(frame)
    },
    receive: atHost.receive.bind(atHost),
    close: atHost.close.bind(atHost),
    abort: atHost.abort.bind(atHost)
  }
  const answering = answerJoin({
    channel: tapped,
    runtime: host.runtime,
    device: host.replica.device,
    store: host.replica.invitations,
    addresses: () => ['there'],
    ...(setup.onJoiner !== undefined && { onJoiner: setup.onJoiner })
  })
  let welcome: Welcome | undefined
  let error: unknown
  try {
    await joinSpace({
      channel: atNewcomer,
      runtime: newcomer.runtime,
      invitation,
      self: { device: key.id, name: setup.name ?? 'laptop' },
      adopt: async (given) => {
        welcome = given
        await adoptSpace(newcomer.store, given, given.records)
      }
    })
  } catch (cause) {
    error = cause
  }
  return { outcome: await answering, error, welcome, frames }
}

describe('joining', () => {
  it('makes a device a member that syncs at once', async () => {
    const host = await inviter()
    await host.memory.public.put('x', 1)
    const newcomer = new Newcomer()
    const { outcome, error } = await join(newcomer, host, await invite(host))
    expect(error).toBeUndefined()
    const { id } = await newcomer.key()
    expect(outcome).toEqual({ joiner: { device: id, name: 'laptop' }, error: undefined })
    expect(host.replica.isMember(id)).toBe(true)
    const device = await newcomer.open()
    await device.memory.public.put('y', 2)
    await sync(device, host)
    expect(await liveIds(device)).toEqual(await liveIds(host))
    expect(await liveIds(host)).toHaveLength(2)
  })

  it('admits one device: another with the same code is told that it was used', async () => {
    const host = await inviter()
    const invitation = await invite(host)
    await join(new Newcomer(), host, invitation)
    const second = new Newcomer()
    const { error, outcome } = await join(second, host, invitation)
    expect(error).toMatchObject({ code: 'CORE_INVITATION_USED' })
    expect(outcome.joiner).toBeUndefined()
    expect(host.replica.isMember((await second.key()).id)).toBe(false)
    expect(host.replica.membership.members()).toHaveLength(2)
  })

  it('admits one device even when two come at the same moment', async () => {
    const host = await inviter()
    const invitation = await invite(host)
    const results = await Promise.all([1, 2].map(() => join(new Newcomer(), host, invitation)))
    const codes = results.map(({ error }) => (error as { code?: string } | undefined)?.code)
    expect(codes.sort()).toEqual(['CORE_INVITATION_USED', undefined])
    expect(host.replica.membership.members()).toHaveLength(2)
  })

  it('lets a device whose answer was lost ask again, until the code expires', async () => {
    const host = await inviter()
    const invitation = await invite(host)
    const newcomer = new Newcomer()
    const lost = await join(newcomer, host, invitation, { cutAt: 1 })
    expect(lost.error).toMatchObject({ code: 'SYNC_DISCONNECTED' })
    expect(lost.outcome.joiner).toBeDefined()
    expect(host.replica.isMember((await newcomer.key()).id)).toBe(true)
    const again = await join(newcomer, host, invitation)
    expect(again.error).toBeUndefined()
    expect(host.replica.membership.members()).toHaveLength(2)
    host.runtime.nowMs += 2 * HOUR_MS
    expect((await join(newcomer, host, invitation)).error).toMatchObject({ code: 'CORE_INVITATION_EXPIRED' })
  })

  it('refuses a code that has expired, by the clock of the device that made it', async () => {
    const host = await inviter()
    const invitation = await invite(host)
    host.runtime.nowMs += HOUR_MS + 1000
    const { error } = await join(new Newcomer(), host, invitation)
    expect(error).toMatchObject({ code: 'CORE_INVITATION_EXPIRED' })
  })

  it('refuses a code that was never made here, without saying more', async () => {
    const host = await inviter()
    const real = await invite(host)
    const made = { ...real, secret: new Uint8Array(32).fill(5) }
    const { error, frames } = await join(new Newcomer(), host, made)
    expect(error).toMatchObject({ code: 'CORE_INVITATION_INVALID' })
    expect(frames).toHaveLength(1)
  })

  it('asks the owner, and leaves the code unused when they say no', async () => {
    const host = await inviter()
    const invitation = await invite(host)
    const asked: Joiner[] = []
    const newcomer = new Newcomer()
    const refused = await join(newcomer, host, invitation, {
      name: 'mallory',
      onJoiner: (joiner) => {
        asked.push(joiner)
        return false
      }
    })
    expect(asked).toEqual([{ device: (await newcomer.key()).id, name: 'mallory' }])
    expect(refused.error).toMatchObject({ code: 'SYNC_REFUSED' })
    expect(host.replica.membership.members()).toHaveLength(1)
    expect((await join(new Newcomer(), host, invitation, { onJoiner: () => true })).error).toBeUndefined()
  })

  it('gives the secret of the space to nobody who has not proven the code', async () => {
    const host = await inviter()
    const invitation = await invite(host)
    const { secret } = host.replica.exportSpace()
    const stranger = new DeviceKey(new Uint8Array(32).fill(7))
    const ask = encodeCbor(
      new Map<number, unknown>([
        [0, 1],
        [1, [1]],
        [2, invitationId(invitation.secret)],
        [3, new Uint8Array(16)]
      ])
    )
    const claims = [new Uint8Array(32), 'mac of the inviter'] as const
    for (const claim of claims) {
      const [atStranger, atHost] = memoryChannelPair(stranger.id, host.replica.device)
      const answering = answerJoin({
        channel: atHost,
        runtime: host.runtime,
        device: host.replica.device,
        store: host.replica.invitations,
        addresses: () => []
      })
      await atStranger.send(ask)
      const offer = (await atStranger.receive()) as Uint8Array
      // Its own proof sent back to it is none.
      const mac = typeof claim === 'string' ? offer.slice(-32) : claim
      await atStranger.send(
        encodeCbor(
          new Map<number, unknown>([
            [0, 3],
            [1, mac],
            [2, 'x']
          ])
        )
      )
      const answer = Buffer.from((await atStranger.receive()) as Uint8Array)
      expect(answer.includes(Buffer.from(secret))).toBe(false)
      expect(answer.includes('CORE_INVITATION_INVALID')).toBe(true)
      expect((await answering).error).toMatchObject({ code: 'CORE_INVITATION_INVALID' })
    }
    expect(
      (await host.replica.invitations.findInvitation(invitationId(invitation.secret)))?.usedBy
    ).toBeUndefined()
  })

  it('believes no device but the one that made the code', async () => {
    const [host, other] = [await inviter(), await inviter()]
    const invitation = await invite(host)
    const { error } = await join(new Newcomer(), other, invitation)
    expect(error).toMatchObject({ code: 'SYNC_REFUSED' })
  })

  it('takes no welcome that is to another space, or that makes it no member', async () => {
    const [host, other] = [await inviter(), await inviter()]
    const invitation = await invite(host)
    const { genesis, secret } = host.replica.exportSpace()
    const records = host.replica.membership.records()
    const elsewhere = other.replica.exportSpace()
    const welcomes: [Welcome, string][] = [
      [{ genesis: elsewhere.genesis, records, secret }, 'SYNC_WRONG_SPACE'],
      [{ genesis, records, secret }, 'SYNC_BAD_PROOF']
    ]
    for (const [welcome, code] of welcomes) {
      const { invitations } = host.replica
      const { admit } = invitations
      invitations.admit = async () => welcome
      const newcomer = new Newcomer()
      const result = await join(newcomer, host, invitation)
      invitations.admit = admit
      expect(result.error).toMatchObject({ code })
      expect(result.welcome).toBeUndefined()
    }
  })

  it('takes no welcome with a record that its author has not signed, or that a stranger has', async () => {
    const host = await inviter()
    const { invitations, key, space } = host.replica
    const friend = { device: host.replica.device, role: 'admin', name: 'friend' } as const
    const stranger = new DeviceKey(new Uint8Array(32).fill(5))
    const [real, strange] = [key, stranger].map((issuer) =>
      createMember(issuer, space, friend, timestampFromMs(0))
    ) as [SystemRecord, SystemRecord]
    const unsigned = { ...real, signature: strange.signature }
    const changes: [change: (welcome: Welcome) => Partial<Welcome>, code: string | undefined][] = [
      [({ records }) => ({ records: [...records, real] }), undefined],
      [({ records }) => ({ records: [...records, unsigned] }), 'SYNC_BAD_PROOF'],
      [({ records }) => ({ records: [...records, strange] }), 'SYNC_BAD_PROOF'],
      [({ genesis }) => ({ genesis: { ...genesis, signature: strange.signature } }), 'SYNC_BAD_PROOF']
    ]
    const admit = invitations.admit.bind(invitations)
    for (const [change, code] of changes) {
      invitations.admit = async (...asked) => {
        const welcome = await admit(...asked)
        return { ...welcome, ...change(welcome) }
      }
      const { welcome, error } = await join(new Newcomer(), host, await invite(host))
      expect((error as { code?: string } | undefined)?.code).toBe(code)
      expect(welcome === undefined).toBe(code !== undefined)
    }
  })

  it('ends with a code whatever is sent, at either end', async () => {
    const host = await inviter()
    const frames = [
      new Uint8Array(0),
      encodeCbor(1),
      encodeCbor(new Map([[0, 99]])),
      encodeCbor(new Map([[0, 1]])),
      encodeCbor(
        new Map<number, unknown>([
          [0, 1],
          [1, [9]],
          [2, new Uint8Array(16)],
          [3, new Uint8Array(16)]
        ])
      ),
      encodeCbor(
        new Map<number, unknown>([
          [0, 6],
          [1, 'constructor']
        ])
      )
    ]
    const codes: unknown[] = []
    for (const frame of frames) {
      const [atStranger, atHost] = memoryChannelPair(
        new DeviceKey(new Uint8Array(32).fill(7)).id,
        host.replica.device
      )
      const { replica, runtime } = host
      const answering = answerJoin({
        channel: atHost,
        runtime,
        device: replica.device,
        store: replica.invitations,
        addresses: () => []
      })
      await atStranger.send(frame)
      codes.push(((await answering).error as { code?: unknown }).code)
    }
    expect(codes).toEqual([
      'SYNC_MALFORMED',
      'SYNC_MALFORMED',
      'SYNC_UNEXPECTED_MESSAGE',
      'SYNC_MALFORMED',
      'SYNC_VERSION',
      'SYNC_REFUSED'
    ])
  })

  it('does not wait for ever', async () => {
    const host = await inviter()
    const { replica, runtime } = host
    const [, atHost] = memoryChannelPair(new DeviceKey(new Uint8Array(32).fill(7)).id, replica.device)
    const answering = answerJoin({
      channel: atHost,
      runtime,
      device: replica.device,
      store: replica.invitations,
      addresses: () => []
    })
    await new Promise(setImmediate)
    runtime.fireTimers()
    expect((await answering).error).toMatchObject({ code: 'SYNC_TIMEOUT' })
  })

  it('stops when its signal says so', async () => {
    const host = await inviter()
    const newcomer = new Newcomer()
    const { id } = await newcomer.key()
    const [atNewcomer] = memoryChannelPair(id, host.replica.device)
    const reason = new Error('never mind')
    const abort = new AbortController()
    const joining = joinSpace({
      channel: atNewcomer,
      runtime: newcomer.runtime,
      invitation: await invite(host),
      self: { device: id, name: 'x' },
      adopt: async () => {},
      signal: abort.signal
    })
    queueMicrotask(() => abort.abort(reason))
    await expect(joining).rejects.toBe(reason)
  })
})
