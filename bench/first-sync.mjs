// How long does an empty peer take to get 10 000 entries over libp2p, durable at its end, and how many bytes?
import { Node } from '@cis-memory/transport'
import { inFlight, report, timed } from './support/measure.mjs'
import { founder, member, value, workspace } from './support/replicas.mjs'

const ENTRIES = 10_000
const ROUNDS = 5
const LISTEN = ['/ip4/127.0.0.1/tcp/0']

const place = await workspace()
const first = await founder(await place.store('a'))
const plain = []
await inFlight(64, ENTRIES, (i) => {
  const item = value(i)
  plain.push(JSON.stringify(item).length)
  return first.memory.public.put(`entry/${i}`, item)
})
const node = await Node.start({ replica: first.replica, listen: LISTEN })
const figures = { ms: [], bytes: [], idle: [], delta: [] }
for (let round = 0; round < ROUNDS; round++) {
  const second = await member(await place.store(`b${round}`), first, `b${round}`)
  const peer = await Node.start({ replica: second.replica, listen: [] })
  const [address] = node.addresses()
  let report
  figures.ms.push(
    await timed(async () => {
      report = await peer.syncWithNode(address, { direction: 'pull' })
    })
  )
  if (report.received < ENTRIES) throw new Error(`only ${report.received} entries came`)
  figures.bytes.push(report.bytes / ENTRIES)
  await peer.syncWithNode(node.device)
  figures.idle.push((await peer.syncWithNode(node.device)).bytes)
  for (let i = 0; i < 100; i++) await first.memory.public.put(`late/${round}/${i}`, value(i))
  figures.delta.push((await peer.syncWithNode(node.device)).bytes / 100)
  await peer.stop()
  await second.replica.close()
}
report(`First sync of ${ENTRIES} entries to an empty peer, two stores in one process`, [
  { name: 'time until all are on disk there', figures: figures.ms, unit: 'ms' },
  { name: 'entries a second', figures: figures.ms.map((ms) => (ENTRIES / ms) * 1000), unit: '/s' },
  { name: 'bytes an entry, both directions', figures: figures.bytes, unit: 'B' },
  { name: 'of them JSON of the value', figures: [plain.reduce((a, b) => a + b, 0) / ENTRIES], unit: 'B' },
  { name: 'later: 100 new, bytes each', figures: figures.delta, unit: 'B' },
  { name: 'later: nothing new, bytes in all', figures: figures.idle, unit: 'B' }
])
await node.stop()
await first.replica.close()
await place.close()
