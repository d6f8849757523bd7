import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adoptSpace, createMemory, createSpace, deviceIdentity, Replica } from '@cis-memory/core'
import { keyFile, openLevelStore } from '@cis-memory/store/level'
import { nodeRuntime } from 'cis-memory'

export const runtime = nodeRuntime()

/** A value of the size that notes of agents have: 250 bytes of JSON that hardly compresses. */
export function value(i) {
  const noise = Buffer.from(runtime.random(120)).toString('base64')
  return { n: i, note: `what the agent learned about step ${i}`, noise }
}

/** A directory that is removed at the end, and encrypted stores in it. */
export async function workspace() {
  const directory = await mkdtemp(join(tmpdir(), 'cis-bench-'))
  const stores = []
  return {
    directory,
    async store(name) {
      const store = await openLevelStore({
        directory: join(directory, name),
        key: keyFile(join(directory, `${name}.key`))
      })
      stores.push(store)
      return store
    },
    async close() {
      for (const store of stores) await store.close()
      await rm(directory, { recursive: true, force: true })
    }
  }
}

/** A replica that starts a space. */
export async function founder(store) {
  await createSpace(store, runtime, { space: 'bench', device: 'founder' })
  return opened(store)
}

/** A replica that was let into a founder's space, without a network. */
export async function member(store, first, name) {
  const { device } = await deviceIdentity(store, runtime).then((key) => ({ device: key.id }))
  const id = runtime.random(16)
  await first.replica.invitations.addInvitation({
    id,
    secret: runtime.random(32),
    expiresAt: Date.now() + 60_000
  })
  const { genesis, secret, records } = await first.replica.invitations.admit(id, { device, name })
  await adoptSpace(store, { genesis, secret }, records)
  return opened(store)
}

async function opened(store) {
  const replica = await Replica.open({ store, runtime })
  return { replica, memory: createMemory(replica, '/bench') }
}
