import type { ConflictSettings, Memory, MemoryValue } from '@cis-memory/core'
import { MemoryStore } from '@cis-memory/store'
import { type Device, devices, openDevice, pull } from '../../core/test/support/world.ts'

/** A device with a memory at `/acme`, and a peer. */
export interface World {
  readonly here: Device
  readonly peer: Device
  readonly memory: Memory
  /** Makes a public path contested: this device and the peer write it without having seen each other. */
  contest(path: string): Promise<void>
  /** The peer writes a public path having seen what is here, and this device receives it. */
  peerWrites(path: string, value: MemoryValue): Promise<void>
  /** The owner settles what is contested at a path. */
  settle(path: string): Promise<void>
}

/** What the versions of a contested path say. None of it may reach an agent. */
export const CONTESTED_TEXT = /CANARY/

/**
 * Two devices of one space. `contest` resolves after this device has been told of the conflict.
 *
 * @param settings what this device makes of conflicts
 */
export async function openWorld(settings: ConflictSettings = {}): Promise<World> {
  const [here, peer] = (await devices(2, '/acme', [settings])) as [Device, Device]
  const { memory } = here
  return {
    here,
    peer,
    memory,
    async contest(path) {
      const heard = new Promise<void>((resolve) => {
        const onConflict = (event: CustomEvent<{ path: string }>): void => {
          if (event.detail.path !== path) return
          memory.removeEventListener('conflict:found', onConflict)
          resolve()
        }
        memory.addEventListener('conflict:found', onConflict)
      })
      const mine = { agent: 'builder', tags: ['CANARY-TAG'], overwrite: true }
      await memory.public.put(path, 'CANARY-LOCAL', mine)
      await peer.memory.public.put(path, 'CANARY-REMOTE', { category: 'CANARY-CATEGORY', overwrite: true })
      await pull(here, peer)
      await heard
    },
    async peerWrites(path, value) {
      await pull(peer, here)
      await peer.memory.public.put(path, value, { agent: 'peer-agent', overwrite: true })
      await pull(here, peer)
    },
    async settle(path) {
      const { id } = await memory.getConflict(path)
      await memory.resolveConflict(id, { value: 'settled' })
    }
  }
}

export interface Interference {
  /** Runs whenever a list of conflicts has been read to its end, before anything else is. */
  afterCheck?(): Promise<void>
  /** Hears of every listener and the signal that removes it. */
  onListen?(signal: AbortSignal | undefined): void
  /** Keeps events from being heard. */
  readonly isDeaf?: boolean
}

/** The same memory with something happening at the worst moment. */
export function interfere(memory: Memory, interference: Interference): Memory {
  return overlay(memory, {
    within: (path: string) => interfere(memory.within(path), interference),
    snapshot: () => {
      const snapshot = memory.snapshot()
      return overlay(snapshot, {
        async *conflicts() {
          yield* snapshot.conflicts()
          await interference.afterCheck?.()
        }
      })
    },
    addEventListener: (type, listener, options) => {
      interference.onListen?.(options?.signal)
      if (interference.isDeaf !== true) memory.addEventListener(type, listener, options)
    }
  })
}

/** A version of a public path arrives that does not open: its author sealed it with something else than the key. */
export async function receiveUnreadable({ here, peer }: World, path: string): Promise<void> {
  const { codec } = peer.replica.view('public')
  const { seal } = codec
  Object.assign(codec, {
    seal: (...given: Parameters<typeof seal>) => seal(...given).map((byte) => byte ^ 1)
  })
  await peer.memory.public.put(path, 'CANARY-UNREADABLE', { overwrite: true })
  Object.assign(codec, { seal })
  await pull(here, peer)
}

/** Two versions of a public path arrive that one actor wrote under one number, as after a restored backup. */
export async function receiveFork({ here, peer }: World, path: string): Promise<void> {
  if (!(peer.store instanceof MemoryStore)) throw new TypeError('expected a store that can be copied')
  const twin = await openDevice(peer.store.copy({ continuity: 'kept' }), peer.runtime, '/acme')
  await peer.memory.public.put(path, 'CANARY-ONE', { overwrite: true })
  await twin.memory.public.put(path, 'CANARY-TWO', { overwrite: true })
  await pull(here, peer)
  // Both stores name their numbering alike, so the twin's is read from its start.
  const whole = new Uint8Array(0)
  const { batch } = await twin.replica.readFeed({ after: 0n, scope: whole, shared: [whole] })
  await here.replica.ingest(batch)
}

/** An entry arrives that cannot be judged yet: its author's clock is an hour ahead. */
export async function receivePending({ here, peer }: World, path: string): Promise<void> {
  peer.runtime.nowMs += 60 * 60 * 1000
  await peer.memory.public.put(path, 'from the future', { overwrite: true })
  await pull(here, peer)
}

/** An object whose members are the given ones, or else the target's. */
export function overlay<Target extends object>(target: Target, members: Partial<Target>): Target {
  return new Proxy(target, {
    get(_, name) {
      const source = name in members ? members : target
      const member: unknown = Reflect.get(source, name, source)
      return typeof member === 'function' ? member.bind(source) : member
    }
  })
}

/** The error that a call fails with. */
export async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return error
  }
  throw new Error('expected a failure, but the call succeeded')
}

/** The code that a call fails with. */
export async function codeOf(call: () => unknown): Promise<unknown> {
  const error = await failureOf(call)
  return error instanceof Error && 'code' in error ? error.code : error
}
