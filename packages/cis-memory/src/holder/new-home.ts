/*
 * What makes homes. A home is made in steps, and any of them may be the last one before a crash: whoever began to make
 * one goes on with it by asking again.
 */
import {
  adoptSpace,
  createSpace,
  DeviceKey,
  deviceIdentity,
  type Runtime,
  spaceIdentity
} from '@cis-memory/core'
import { decodeInvitation, type Welcome } from '@cis-memory/core/sync'
import type { Store } from '@cis-memory/store'
import { keyFile, openLevelStore } from '@cis-memory/store/level'
import { nodeRuntime } from '@cis-memory/transport/node-runtime'
import {
  checkVacant,
  exists,
  type Home,
  homeExists,
  makeHome,
  markUnfinished,
  unfinishedBy
} from '../home.ts'
import type { HomeResult, InitOptions, JoinOptions } from '../operations/session.ts'
import { configureHome } from './configure-home.ts'
import { DEFAULT_SPACE_NAME, defaultDeviceName, Holder, type HolderOptions } from './holder.ts'

const SEED_BYTES = 32

/** Makes a home with a space of its own. */
export async function initHomeHere(options: InitOptions): Promise<HomeResult> {
  const { space = DEFAULT_SPACE_NAME, device = defaultDeviceName(), signal } = options
  const runtime = nodeRuntime()
  signal?.throwIfAborted()
  const home = await makeHome(options.home)
  const adopt: HolderOptions['adoptSpace'] = async (store) => {
    await markUnfinished(home, 'init')
    await createSpace(store, runtime, { space, device })
  }
  await using holder = await Holder.open({ ...newHomeOptions(home, runtime), adoptSpace: adopt })
  if (!holder.isNew && (await unfinishedBy(home)) !== 'init') throw homeExists(home)
  return configureHome(holder, options.listen)
}

/**
 * Makes a home in the space of an invitation. Nothing is made before the inviter has shown that it knows the
 * invitation, so a code that is none, was used or has expired leaves no trace.
 */
export async function joinHomeHere(options: JoinOptions): Promise<HomeResult> {
  const { code, device = defaultDeviceName(), signal } = options
  const runtime = nodeRuntime()
  signal?.throwIfAborted()
  const home = await checkVacant(options.home)
  const { space } = decodeInvitation(code)
  const { inviterOf, joinWithCode } = await import('@cis-memory/transport')
  const joining = await JoiningStore.find(home, runtime)
  let inviter = inviterOf(code)
  try {
    const hasJoined = joining.space === space && (await unfinishedBy(home)) === 'join'
    if (joining.space !== undefined && !hasJoined) throw homeExists(home)
    if (!hasJoined) {
      inviter = await joinWithCode({
        deviceKey: joining.deviceKey,
        name: device,
        code,
        prepare: () => joining.make(),
        adopt: (welcome) => joining.adopt(welcome),
        runtime,
        ...(signal !== undefined && { signal })
      })
    }
  } finally {
    await joining.close()
  }
  await using holder = await Holder.open(newHomeOptions(home, runtime))
  await holder.book.add(inviter.inviter, inviter.addresses)
  return configureHome(holder, options.listen)
}

/** The store of a device that joins: one that was there, or one that is made when it is needed. */
class JoiningStore {
  /** Whom an inviter admits. In the store before it can be admitted, so that an answer that got lost can be asked for again. */
  readonly deviceKey: DeviceKey
  /** The space it belongs to already. */
  readonly space: string | undefined
  readonly #home: Home
  readonly #runtime: Runtime
  #store: Store | undefined

  private constructor(
    home: Home,
    runtime: Runtime,
    found: { readonly deviceKey: DeviceKey; readonly space?: string | undefined; readonly store?: Store }
  ) {
    this.#home = home
    this.#runtime = runtime
    this.deviceKey = found.deviceKey
    this.space = found.space
    this.#store = found.store
  }

  static async find(home: Home, runtime: Runtime): Promise<JoiningStore> {
    if (!(await exists(home.storeDirectory))) {
      return new JoiningStore(home, runtime, { deviceKey: new DeviceKey(runtime.random(SEED_BYTES)) })
    }
    const store = await openStore(home)
    try {
      const space = (await spaceIdentity(store))?.genesis.space
      return new JoiningStore(home, runtime, {
        deviceKey: await deviceIdentity(store, runtime),
        space,
        store
      })
    } catch (error) {
      await store.close()
      throw error
    }
  }

  async make(): Promise<void> {
    if (this.#store === undefined) {
      await makeHome(this.#home.directory)
      this.#store = await openStore(this.#home)
    }
    const { id } = await deviceIdentity(this.#store, this.#runtime, this.deviceKey)
    // Somebody else has made one there meanwhile.
    if (id !== this.deviceKey.id) throw homeExists(this.#home)
  }

  async adopt({ genesis, secret, records }: Welcome): Promise<void> {
    if (this.#store === undefined) throw new TypeError('expected a store that was made')
    await markUnfinished(this.#home, 'join')
    await adoptSpace(this.#store, { genesis, secret }, records)
  }

  async close(): Promise<void> {
    await this.#store?.close()
  }
}

function openStore(home: Home): Promise<Store> {
  return openLevelStore({
    directory: home.storeDirectory,
    key: keyFile(home.keyFile),
    durability: 'disk',
    createIfMissing: true
  })
}

function newHomeOptions(home: Home, runtime: Runtime): Omit<HolderOptions, 'adoptSpace'> {
  return {
    home,
    key: keyFile(home.keyFile),
    runtime,
    createIfMissing: true,
    durability: 'disk',
    epoch: 'when-in-doubt',
    compression: true,
    conflict: {},
    history: {},
    notify: [],
    localSocket: false
  }
}
