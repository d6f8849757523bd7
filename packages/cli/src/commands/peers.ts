import type { PeerInfo } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { type Column, printTable } from '../render/table.ts'
import { printableLine } from '../render/terminal-text.ts'
import { ago, isoTime } from '../render/time.ts'
import { name, shortId } from '../render/version.ts'

const COLUMNS: readonly Column[] = [
  { title: 'peer' },
  { title: 'device' },
  { title: 'role' },
  { title: 'connection' },
  { title: 'last sync' },
  { title: 'addresses', isFlexible: true }
]

export function registerPeers(program: Command, registration: Registration): void {
  const peers = program.command('peers').description('The other devices of this space, and how to reach them')
  peers
    .command('list')
    .description('List the other devices of this space')
    .action(action(registration, listPeers))
  peers
    .command('add')
    .description('Remember where a peer answers')
    .argument('<address>', 'such as /ip4/192.168.1.20/tcp/41234/p2p/12D3…')
    .action(action(registration, addPeer))
  peers
    .command('remove')
    .description('Forget where a peer answers; it stays a member of the space')
    .argument('<peer>', 'its name, device id or address')
    .action(action(registration, removePeer))
}

async function listPeers(cli: Invocation): Promise<ExitCode> {
  const { output, host } = cli
  const session = await cli.device()
  const rows: string[][] = []
  let total = 0
  for await (const peer of session.stream('peers.list', {}, { signal: host.signal })) {
    total++
    if (output.isJson) await output.record(peerRecord(peer))
    else rows.push(peerRow(cli, peer))
  }
  if (rows.length > 0) await printTable(output, COLUMNS, rows)
  if (total === 0) {
    output.talk('No other device is in this space yet.')
    cli.suggest('invite')
  }
  return EXIT.done
}

function peerRecord(peer: PeerInfo): unknown {
  const { lastSyncedAt } = peer
  return { ...peer, lastSyncedAt: lastSyncedAt === undefined ? undefined : isoTime(lastSyncedAt) }
}

function peerRow({ output, host }: Invocation, peer: PeerInfo): string[] {
  const { lastSyncedAt } = peer
  const when = (timeMs: number): string => (output.isTerminal ? ago(timeMs, host.now()) : isoTime(timeMs))
  return [
    name(peer.name),
    output.isTerminal ? shortId(peer.device) : peer.device,
    peer.role,
    peer.isConnected ? output.dataColors.green('connected') : 'not connected',
    lastSyncedAt === undefined ? 'never' : when(lastSyncedAt),
    peer.addresses.map(printableLine).join(' ')
  ]
}

async function addPeer(cli: Invocation, given: string): Promise<ExitCode> {
  cli.refuseDryRun('peers add')
  const { output, host } = cli
  const session = await cli.device()
  const { address, isMember } = await session.call('peers.add', { address: given }, { signal: host.signal })
  if (output.isJson) {
    await output.record({ address, isMember })
    return EXIT.done
  }
  output.talk(`Remembered ${printableLine(address)}.`)
  if (!isMember) {
    output.talk(
      'This device does not know it as a member of the space; nothing passes between them until it does.'
    )
    cli.suggest('invite')
    return EXIT.done
  }
  cli.suggest('memory sync')
  return EXIT.done
}

async function removePeer(cli: Invocation, peer: string): Promise<ExitCode> {
  cli.refuseDryRun('peers remove')
  const { output, host } = cli
  const session = await cli.device()
  const { addresses } = await session.call('peers.remove', { peer }, { signal: host.signal })
  if (output.isJson) {
    await output.record({ peer, addresses })
    return EXIT.done
  }
  if (addresses.length === 0) output.talk(`No address of ${printableLine(peer)} was known.`)
  else output.talk(`Forgot ${addresses.map(printableLine).join(', ')}.`)
  return EXIT.done
}
