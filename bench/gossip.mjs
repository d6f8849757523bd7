// How long from a broadcast in one process to the entry being on disk in another? And what does an idle node weigh?
import { fork } from 'node:child_process'
import { Node } from '@cis-memory/transport'
import { report } from './support/measure.mjs'
import { founder, value, workspace } from './support/replicas.mjs'

const MESSAGES = 200
const INTERVAL_MS = 25

const place = await workspace()
const first = await founder(await place.store('a'))
const node = await Node.start({ replica: first.replica, listen: ['/ip4/127.0.0.1/tcp/0'] })
const { code } = await node.invite()
const child = fork(new URL('./support/listener.mjs', import.meta.url), [code, `${place.directory}/b`], {
  stdio: 'inherit'
})
const connected = new Promise((resolve) => node.addEventListener('peer:connect', resolve, { once: true }))
const waiting = new Map()
const figures = []
let idleBytes = 0
const ready = new Promise((resolve) => {
  child.on('message', ({ heard, rss }) => {
    if (rss !== undefined) {
      idleBytes = rss
      resolve()
    } else {
      figures.push(performance.now() - waiting.get(heard).sent)
      waiting.get(heard).done()
    }
  })
})
await connected
await ready
for (let i = 0; i < MESSAGES; i++) {
  const path = `/bench/news/${i}`
  await first.memory.public.put(path, value(i))
  const heard = new Promise((done) => waiting.set(path, { sent: performance.now(), done }))
  await node.broadcastUpdate(path)
  await heard
  await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS))
}
const sorted = [...figures].sort((a, b) => a - b)
report('Broadcast to durable and readable in another process, one at a time', [
  { name: 'latency', figures, unit: 'ms' },
  { name: 'latency, 95th percentile', figures: [sorted[Math.floor(sorted.length * 0.95)]], unit: 'ms' }
])
report('A node that is connected and idle', [
  { name: 'resident memory', figures: [idleBytes / 1024 / 1024], unit: 'MiB' }
])
child.send('stop')
await new Promise((resolve) => child.once('exit', resolve))
await node.stop()
await first.replica.close()
await place.close()
