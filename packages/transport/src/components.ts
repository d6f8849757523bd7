import type { gossipsub } from '@chainsafe/libp2p-gossipsub'

/*
 * libp2p hands every service its components. Two of ours get a registrar that keeps strangers out; everything else
 * passes through unchanged.
 */

/** libp2p's registrar: who handles which protocol. */
export type Registrar = Parameters<ReturnType<typeof gossipsub>>[0]['registrar']
export type Topology = Parameters<Registrar['register']>[1]
export type StreamHandler = Parameters<Registrar['handle']>[1]

/** The same object with some members replaced. */
export function overlay<T extends object>(target: T, replaced: Partial<T>): T {
  return new Proxy(target, {
    get(_target, key) {
      if (key in replaced) return Reflect.get(replaced, key)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
}
