// A second process for `gossip.mjs`: joins with a code, reports what it hears, and what it weighs while idle.
import { adoptSpace, createMemory, deviceIdentity, Replica } from '@cis-memory/core'
import { keyFile, openLevelStore } from '@cis-memory/store/level'
import { joinWithCode, Node } from '@cis-memory/transport'
import { nodeRuntime } from 'cis-memory'

const [, , code, directory] = process.argv
const IDLE_MS = 3000

const runtime = nodeRuntime()
const store = await openLevelStore({ directory, key: keyFile(`${directory}.key`) })
const deviceKey = await deviceIdentity(store, runtime)
const { addresses } = await joinWithCode({
  deviceKey,
  name: 'listener',
  code,
  adopt: ({ genesis, secret, records }) => adoptSpace(store, { genesis, secret }, records)
})
const replica = await Replica.open({ store, runtime })
const memory = createMemory(replica, '/bench')
memory.addEventListener('entry:received', ({ detail }) => process.send({ heard: detail.path }))
const node = await Node.start({ replica, listen: [], peers: addresses })
const rss = setTimeout(() => process.send({ rss: process.memoryUsage.rss() }), IDLE_MS)
process.once('message', async () => {
  clearTimeout(rss)
  await node.stop()
  await replica.close()
  await store.close()
  process.disconnect()
})
