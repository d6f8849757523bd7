import type { Memory, MemoryValue } from '@cis-memory/core'
import { FakeCore } from './fake-memory.ts'

/** A device with a memory at `/acme`, and a peer. */
export interface World {
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

export async function openWorld(): Promise<World> {
  const core = new FakeCore()
  const memory = core.open('/acme')
  return {
    memory,
    async contest(path) {
      const versions = [
        core.version('CANARY-LOCAL', true, { agent: 'builder', tags: ['CANARY-TAG'] }, []),
        core.version('CANARY-REMOTE', false, { category: 'CANARY-CATEGORY' }, [])
      ]
      core.set('public', path, versions)
      core.target.dispatchEvent(new CustomEvent('conflict:found', { detail: core.conflict(path, versions) }))
    },
    async peerWrites(path, value) {
      core.set('public', path, [core.version(value, false, { agent: 'peer-agent' }, [])])
    },
    async settle(path) {
      core.set('public', path, [core.version('settled', true, {}, [])])
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
