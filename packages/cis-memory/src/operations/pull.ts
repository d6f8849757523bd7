import type { AbortOptions } from '@cis-memory/core'
import { CisError } from '../errors.ts'
import { MAX_PARALLEL_SYNCS } from '../limits.ts'
import { type NodeHost, otherMembers, peersConnected } from './node-operations.ts'

/**
 * Brings in what every connected member has of a scope. A device that is alone in its space has everything there is.
 *
 * @param scope absolute
 * @throws {CisError} `CIS_NO_PEER_REACHED` when no member is connected, `CIS_NODE_OFF`
 * @throws what the first pull that fails fails with
 */
export async function pullFromPeers(host: NodeHost, scope: string, options: AbortOptions): Promise<void> {
  const members = new Set(otherMembers(host).map(({ device }) => device))
  if (members.size === 0) return
  const node = await host.node()
  const leaving = new AbortController()
  const signal =
    options.signal === undefined ? leaving.signal : AbortSignal.any([options.signal, leaving.signal])
  await peersConnected(host, node, signal)
  const connected = node.connectedPeers().filter((device) => members.has(device))
  if (connected.length === 0) {
    throw new CisError(
      'CIS_NO_PEER_REACHED',
      'no other device of the space is connected. Check that one of those this device knows runs and can be reached'
    )
  }
  const waiting = [...connected]
  const work = async (): Promise<void> => {
    for (let peer = waiting.shift(); peer !== undefined; peer = waiting.shift()) {
      await node.syncWithNode(peer, { direction: 'pull', scope, signal })
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(MAX_PARALLEL_SYNCS, connected.length) }, work))
  } finally {
    // One that failed is one too many: the others have no reason to go on.
    leaving.abort()
  }
}
