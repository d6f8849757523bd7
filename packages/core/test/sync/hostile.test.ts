import { timestampFromMs } from '@cis-memory/clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { signCommit } from '../../src/entry/commit.ts'
import { DeviceKey } from '../../src/entry/ed25519.ts'
import { createEpoch, createMember } from '../../src/entry/records.ts'
import { MAX_FRAME_BYTES } from '../../src/limits.ts'
import { EMPTY_BATCH } from '../../src/sync/batch.ts'
import { encodeMessage, type Message, type PageMessage } from '../../src/sync/messages.ts'
import { Forger } from '../support/forge.ts'
import { type Device, devices } from '../support/world.ts'
import { anyMessage } from './arbitraries.ts'
import { dialledBy, Impostor, reaching } from './impostor.ts'
import { sync } from './line.ts'
import { liveIds, token } from './state.ts'

const NOTHING = new Uint8Array(0)

/** An honest device, and a member of the same space that will not behave. */
async function adversaries(): Promise<{ honest: Device; mallory: Device }> {
  const [honest, mallory] = (await devices(2)) as [Device, Device]
  await honest.memory.public.put('treasure', 'gold')
  return { honest, mallory }
}

const END = { lsn: 1_000_000n, mark: new Uint8Array(8).fill(1) }

const begin: Message = {
  type: 'begin',
  end: END,
  instance: undefined,
  feed: undefined,
  request: { direction: 'push', scope: NOTHING, paths: undefined }
}

function page(changes: Partial<PageMessage> = {}): PageMessage {
  return { type: 'page', batch: EMPTY_BATCH, next: 1n, hasMore: false, end: END, ...changes }
}

const since: Message = { type: 'since', after: 0n, instance: undefined, known: undefined }
const done: Message = { type: 'done', received: 0 }

/** The code an honest end tells before it closes, and the one its owner gets. */
async function codesOf(impostor: Impostor, ended: Promise<unknown>): Promise<[told: unknown, got: unknown]> {
  const messages = await impostor.rest()
  const told = messages.find((message) => message.type === 'error')?.code
  return [told, ((await ended) as { code?: unknown } | undefined)?.code]
}

describe('the handshake', () => {
  it('refuses whoever does not know the secret, before it shows or stores anything', async () => {
    for (const confront of [dialledBy, reaching]) {
      const { honest, mallory } = await adversaries()
      const tip = honest.replica.end.lsn
      const handshakeKey = new Uint8Array(32).fill(9)
      const { impostor, ended } = confront(mallory.replica, honest, { handshakeKey })
      const seen: string[] = []
      const { receive } = Impostor.prototype
      impostor.receive = async function listen() {
        const message = await receive.call(this)
        if (message !== undefined) seen.push(message.type)
        return message
      }
      await expect(impostor.greet(confront === dialledBy ? 'dialer' : 'listener')).rejects.toThrow()
      expect(await ended).toMatchObject({ code: 'SYNC_WRONG_SPACE' })
      expect(new Set(seen)).toEqual(
        new Set(confront === dialledBy ? ['hello', 'proof', 'error'] : ['hello', 'error'])
      )
      expect(honest.replica.end.lsn).toBe(tip)
    }
  })

  it('does not take its own proof back', async () => {
    const { honest, mallory } = await adversaries()
    const { impostor, ended } = dialledBy(mallory.replica, honest)
    await impostor.send({
      type: 'hello',
      versions: [1],
      capabilities: [],
      instance: mallory.replica.instance,
      nonce: new Uint8Array(16)
    })
    await impostor.expect('hello')
    await impostor.send(await impostor.expect('proof'))
    expect(await codesOf(impostor, ended)).toEqual(['SYNC_WRONG_SPACE', 'SYNC_WRONG_SPACE'])
  })

  it('does not take its own hello and proof back either', async () => {
    const { honest, mallory } = await adversaries()
    const { impostor, ended } = reaching(mallory.replica, honest)
    const hello = await impostor.expect('hello')
    // A second session with the same device answers what the first one was asked.
    const other = dialledBy(mallory.replica, honest)
    await other.impostor.send(hello)
    await impostor.send(await other.impostor.expect('hello'), await other.impostor.expect('proof'))
    expect(await codesOf(impostor, ended)).toEqual(['SYNC_WRONG_SPACE', 'SYNC_WRONG_SPACE'])
    await other.impostor.send(done)
    await other.ended
  })

  it('does not take a proof that was made for another session', async () => {
    const { honest, mallory } = await adversaries()
    const recorded: Message[] = []
    const first = dialledBy(mallory.replica, honest, {
      instead: (message) => {
        recorded.push(message)
        return message
      }
    })
    await first.impostor.greet('dialer')
    const second = dialledBy(mallory.replica, honest)
    const [hello, proof] = recorded as [Message, Message]
    await second.impostor.send(hello)
    await second.impostor.expect('hello')
    await second.impostor.expect('proof')
    await second.impostor.send(proof)
    expect(await codesOf(second.impostor, second.ended)).toEqual(['SYNC_WRONG_SPACE', 'SYNC_WRONG_SPACE'])
  })

  it('refuses a member of another device, and whoever is no member, though it knows the secret', async () => {
    const { honest, mallory } = await adversaries()
    const stranger = new DeviceKey(new Uint8Array(32).fill(0x66))
    const epoch = createEpoch(stranger, honest.replica.space, 1, new Uint8Array(16), undefined)
    const self = { device: stranger.id, role: 'admin', name: 'me' } as const
    const selfMade = createMember(stranger, honest.replica.space, self, timestampFromMs(1))
    const foreign: Message = {
      type: 'auth',
      actor: honest.replica.actor,
      records: await honest.replica.credentials(),
      feed: new Uint8Array(16),
      known: undefined
    }
    const cases = [
      [mallory.replica, foreign, 'SYNC_BAD_PROOF'],
      [mallory.replica, { ...foreign, records: await mallory.replica.credentials() }, 'SYNC_BAD_PROOF'],
      [strange(mallory, stranger), { ...foreign, actor: epoch.actor, records: [epoch] }, 'SYNC_NOT_A_MEMBER'],
      [
        strange(mallory, stranger),
        { ...foreign, actor: epoch.actor, records: [epoch, selfMade] },
        'SYNC_NOT_A_MEMBER'
      ],
      [
        strange(mallory, stranger),
        { ...foreign, actor: epoch.actor, records: [{ ...epoch, signature: new Uint8Array(64) }] },
        'SYNC_BAD_PROOF'
      ]
    ] as const
    for (const [replica, auth, code] of cases) {
      const instead = (message: Message): Message => (message.type === 'auth' ? auth : message)
      const { impostor, ended } = dialledBy(replica, honest, { instead })
      await impostor.greet('dialer').catch(() => {})
      expect(await ended).toMatchObject({ code })
    }
  })

  it('refuses an echo that our device did not sign, and ignores one of an actor we are not', async () => {
    const { honest, mallory } = await adversaries()
    const { actor } = honest.replica
    const forge = (key: DeviceKey, changes: object): Message => ({
      type: 'echo',
      hasPlace: false,
      head: signCommit(key, {
        space: honest.replica.space,
        actor,
        first: 900,
        size: 1,
        root: new Uint8Array(16),
        previous: 'aa'.repeat(16) as never,
        hlc: timestampFromMs(1),
        ...changes
      })
    })
    const echoes = [
      [forge(mallory.replica.key, {}), 'SYNC_BAD_PROOF'],
      [forge(honest.replica.key, { space: 'ab'.repeat(16) }), 'SYNC_BAD_PROOF'],
      [forge(honest.replica.key, { actor: 'cd'.repeat(16) }), undefined]
    ] as const
    for (const [echo, code] of echoes) {
      const instead = (message: Message): Message => (message.type === 'echo' ? echo : message)
      const { impostor, ended } = dialledBy(mallory.replica, honest, { instead })
      await impostor.greet('dialer')
      if (code === undefined) await impostor.send({ type: 'error', code: 'SYNC_REFUSED' })
      expect(await ended).toMatchObject({ code: code ?? 'SYNC_REFUSED' })
      expect(honest.replica.actor).toBe(actor)
    }
  })

  it('finds a common version or says that there is none', async () => {
    const { honest, mallory } = await adversaries()
    const { impostor, ended } = dialledBy(mallory.replica, honest, { versions: [2, 3] })
    await expect(impostor.greet('dialer')).rejects.toThrow()
    expect(await ended).toMatchObject({ code: 'SYNC_VERSION' })
    const later = dialledBy(mallory.replica, honest, { versions: [1, 2, 200] })
    await later.impostor.greet('dialer')
    await later.impostor.send({ ...begin })
    expect(await later.impostor.expect('since')).toMatchObject({ after: 0n })
  })

  it('does not talk to itself', async () => {
    const { honest } = await adversaries()
    const { impostor, ended } = dialledBy(honest.replica, honest)
    expect(await codesOf(impostor, ended)).toEqual(['SYNC_REFUSED', 'SYNC_REFUSED'])
  })
})

describe('a peer that sends what was not asked for', () => {
  const cases: [what: string, messages: readonly Message[]][] = [
    ['a page before any sync', [page()]],
    ['a request before any sync', [since]],
    ['the end of a sync that never began', [done]],
    [
      'a greeting after the greetings',
      [
        {
          type: 'hello',
          versions: [1],
          capabilities: [],
          instance: new Uint8Array(16),
          nonce: new Uint8Array(16)
        }
      ]
    ],
    ['a sync that repeats one that never was', [{ ...begin, request: undefined } as Message]],
    ['a second sync inside the first', [begin, begin]],
    ['a request in a sync that only pushes', [begin, since]],
    [
      'a second request before the first is answered',
      [
        { ...begin, request: { direction: 'pull', scope: NOTHING, paths: undefined } } as Message,
        since,
        since
      ]
    ],
    [
      'the same page of single memories twice',
      [
        { ...begin, request: { direction: 'pull', scope: NOTHING, paths: [new Uint8Array(16)] } } as Message,
        since,
        since
      ]
    ],
    ['the end of a sync twice', [begin, done, done]]
  ]
  for (const [what, messages] of cases) {
    it(`is sent away: ${what}`, async () => {
      const { honest, mallory } = await adversaries()
      const { impostor, ended } = dialledBy(mallory.replica, honest)
      await impostor.greet('dialer')
      await impostor.send(...messages).catch(() => {})
      expect(await codesOf(impostor, ended)).toEqual(['SYNC_UNEXPECTED_MESSAGE', 'SYNC_UNEXPECTED_MESSAGE'])
    })
  }

  it('is sent away: a page after the last, or two at once', async () => {
    for (const pages of [
      [page(), page()],
      [page({ hasMore: true }), page({ next: 2n, hasMore: true }), page({ next: 3n }), page({ next: 4n })]
    ]) {
      const { honest, mallory } = await adversaries()
      const { impostor, ended } = dialledBy(mallory.replica, honest)
      await impostor.greet('dialer')
      await impostor.send(begin)
      await impostor.expect('since')
      await impostor.send(...pages).catch(() => {})
      expect((await codesOf(impostor, ended))[1]).toBe('SYNC_UNEXPECTED_MESSAGE')
    }
  })

  it('is sent away: pages that do not go forward, or a feed that is as it was', async () => {
    const backwards: Message[] = [
      page({ next: 0n, hasMore: true }),
      { type: 'feed', instance: undefined, feed: undefined }
    ]
    const answers = [...backwards, since]
    for (const answer of answers) {
      const { honest, mallory } = await adversaries()
      const { impostor, ended } = dialledBy(mallory.replica, honest)
      await impostor.greet('dialer')
      await impostor.send(begin)
      await impostor.expect('since')
      await impostor.send(answer)
      if (answer.type === 'feed') {
        // Saying that nothing is shared is allowed, and ends the reading.
        expect(await impostor.expect('done')).toEqual(done)
        await impostor.send({ type: 'error', code: 'SYNC_REFUSED' })
        await ended
      } else {
        expect((await codesOf(impostor, ended))[1]).toBe('SYNC_UNEXPECTED_MESSAGE')
      }
    }
  })

  it('is sent away: entries from outside the scope or the paths that were asked for', async () => {
    const { honest, mallory } = await adversaries()
    const forger = new Forger(mallory.replica)
    const inside = forger.entry('/acme/web/x', 1)
    const outside = forger.entry('/acme/website/x', 2)
    const scope = token(honest, '/acme/web')
    const before = await liveIds(honest)
    for (const paths of [undefined, [inside.header.path]]) {
      const { impostor, ended } = dialledBy(mallory.replica, honest)
      await impostor.greet('dialer')
      await impostor.send({
        ...begin,
        request: { direction: 'push', scope: paths === undefined ? scope : NOTHING, paths }
      } as Message)
      await impostor.expect('since')
      await impostor.send(page({ batch: forger.batch([inside, outside]) }))
      expect((await codesOf(impostor, ended))[1]).toBe('SYNC_UNEXPECTED_MESSAGE')
    }
    expect(await liveIds(honest)).toEqual(before)
  })
})

describe('a peer that lies', () => {
  it('about proofs is sent away, and nothing of the page is kept', async () => {
    const { honest, mallory } = await adversaries()
    const forger = new Forger(mallory.replica)
    const other = new Forger(mallory.replica, mallory.replica.key, 8)
    const entries = [forger.entry('/acme/web/x', 1), forger.entry('/acme/web/y', 2)]
    const good = forger.batch(entries)
    const [first] = good.entries as [(typeof good.entries)[number]]
    const bad = [
      { ...good, entries: [{ ...first, path: new Uint8Array(16) }] },
      { ...good, entries: [{ ...first, cipher: first.cipher.map((byte) => byte ^ 1) }] },
      {
        ...good,
        commits: other.batch([other.entry('/acme/web/z', 1)]).commits,
        entries: [] as typeof good.entries,
        records: [{ ...forger.epoch, signature: new Uint8Array(64) }]
      }
    ]
    await sync(honest, mallory)
    const before = [honest.replica.end.lsn, await liveIds(honest)]
    for (const batch of bad) {
      const { impostor, ended } = dialledBy(mallory.replica, honest)
      await impostor.greet('dialer')
      await impostor.send(begin)
      await impostor.expect('since')
      await impostor.send(page({ batch, next: 1_000_000n }))
      expect((await codesOf(impostor, ended))[1]).toBe('SYNC_BAD_PROOF')
    }
    expect([honest.replica.end.lsn, await liveIds(honest)]).toEqual(before)
  })

  it('about its instance has nothing kept from the device it names', async () => {
    const [honest, mallory, victim] = (await devices(3)) as [Device, Device, Device]
    await victim.memory.public.put('shared/x', 1)
    await sync(mallory, victim)
    await mallory.memory.public.put('shared/y', 2)
    // Mallory passes on what it has under the victim's instance, so that the victim would not be sent it.
    const { impostor, ended } = dialledBy(mallory.replica, honest, { instance: victim.replica.instance })
    await impostor.greet('dialer')
    await impostor.send(begin)
    await impostor.expect('since')
    const { batch } = await mallory.replica.readFeed({
      after: 0n,
      scope: NOTHING,
      shared: [NOTHING]
    })
    await impostor.send(page({ batch, next: 1_000_000n }))
    await impostor.expect('done')
    await impostor.send({ type: 'error', code: 'SYNC_REFUSED' })
    await ended
    await sync(victim, honest, { direction: 'pull' })
    expect(await liveIds(victim)).toEqual(await liveIds(honest))
    expect(await liveIds(victim)).toHaveLength(2)
  })

  it('about its feed moves no checkpoint but its own', async () => {
    const [honest, mallory, victim] = (await devices(3)) as [Device, Device, Device]
    for (let i = 0; i < 3; i++) await victim.memory.public.put(`v/${i}`, i)
    const probe = await sync(honest, victim, { scope: token(honest, '/nowhere') })
    const [auth] = probe.line.messages('listener').filter((message) => message.type === 'auth')
    const instead = (message: Message): Message =>
      message.type === 'auth' ? { ...message, feed: auth!.feed } : message
    const { impostor, ended } = dialledBy(mallory.replica, honest, {
      instance: victim.replica.instance,
      instead
    })
    await impostor.greet('dialer')
    await impostor.send(begin)
    await impostor.expect('since')
    await impostor.send(page({ next: victim.replica.end.lsn }))
    await impostor.expect('done')
    await impostor.send({ type: 'error', code: 'SYNC_REFUSED' })
    await ended
    await sync(honest, victim)
    expect(await liveIds(honest)).toHaveLength(3)
  })

  it('about what went wrong is believed only as far as the codes there are', async () => {
    const { honest, mallory } = await adversaries()
    const { impostor, ended } = reaching(mallory.replica, honest)
    await impostor.greet('listener')
    await impostor.send({ type: 'error', code: 'constructor' })
    const error = (await ended) as Error & { code: string }
    expect(error.code).toBe('SYNC_REFUSED')
    expect(error.message).not.toContain('constructor')
  })
})

describe('P28: a peer that goes on and on', () => {
  it('is sent away when its pages stay empty', async () => {
    const { honest, mallory } = await adversaries()
    const { impostor, ended } = dialledBy(mallory.replica, honest)
    await impostor.greet('dialer')
    await impostor.send(begin)
    let count = 0
    for (let next = await impostor.receive(); next?.type === 'since'; next = await impostor.receive()) {
      await impostor.send(page({ next: BigInt(++count), hasMore: true }))
    }
    expect(count).toBe(1025)
    expect(await ended).toMatchObject({ code: 'SYNC_LIMIT' })
  })

  it('is sent away when its feed keeps changing', async () => {
    const { honest, mallory } = await adversaries()
    const { impostor, ended } = dialledBy(mallory.replica, honest)
    await impostor.greet('dialer')
    await impostor.send(begin)
    let count = 0
    for (let next = await impostor.receive(); next?.type === 'since'; next = await impostor.receive()) {
      await impostor.send({
        type: 'feed',
        instance: undefined,
        feed: new Uint8Array(16).fill(++count)
      })
    }
    expect(count).toBe(5)
    expect(await ended).toMatchObject({ code: 'SYNC_LIMIT' })
  })

  it('is read no further while it does not take what it asked for', async () => {
    const { honest, mallory } = await adversaries()
    const { impostor, ended } = dialledBy(mallory.replica, honest)
    await impostor.greet('dialer')
    const request = { direction: 'pull', scope: NOTHING, paths: undefined } as const
    // Syncs without end, none of whose answers it reads. The line holds one frame, the honest end a few more.
    let sent = 0
    const flood = async (): Promise<void> => {
      for (; sent < 5000; sent++) await impostor.send({ ...begin, request } as Message, done)
    }
    const flooding = flood().catch(() => {})
    for (let turn = 0; turn < 2000; turn++) await Promise.resolve()
    const stalledAt = sent
    for (let turn = 0; turn < 2000; turn++) await Promise.resolve()
    expect(sent).toBe(stalledAt)
    expect(sent).toBeLessThan(64)
    // Silence on a line where something is under way ends it.
    honest.runtime.fireTimers()
    honest.runtime.fireTimers()
    expect(await ended).toBeDefined()
    await flooding
  })

  it('of whatever bytes gets an answer with a code, and the store stays as it was', async () => {
    const { honest, mallory } = await adversaries()
    await sync(honest, mallory)
    const before = [honest.replica.end.lsn, await liveIds(honest)]
    const anyFrames = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        anyMessage.map(encodeMessage),
        fc.constant(new Uint8Array(MAX_FRAME_BYTES))
      ),
      { minLength: 1, maxLength: 6 }
    )
    await fc.assert(
      fc.asyncProperty(anyFrames, fc.boolean(), async (frames, isGreeted) => {
        const { impostor, ended } = dialledBy(mallory.replica, honest)
        if (isGreeted) await impostor.greet('dialer')
        const last = encodeMessage({ type: 'error', code: 'SYNC_REFUSED' })
        const talking = (async () => {
          for (const frame of [...frames, last]) await impostor.sendFrame(frame)
        })().catch(() => {})
        const listening = impostor.rest()
        expect(await ended).toMatchObject({ code: expect.stringMatching(/^SYNC_/) })
        impostor.hangUp()
        await Promise.all([talking, listening])
      }),
      { numRuns: 150 }
    )
    expect([honest.replica.end.lsn, await liveIds(honest)]).toEqual(before)
  })
})

/** A replica as another device would have it. */
function strange(device: Device, key: DeviceKey): Device['replica'] {
  return new Proxy(device.replica, {
    get: (target, name) => {
      if (name === 'device') return key.id
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
}
