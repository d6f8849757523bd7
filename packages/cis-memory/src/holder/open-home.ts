/*
 * What needs the store itself. The `cis` command loads it only when nobody else has the store open.
 */
import { adoptSpace, createSpace, deviceIdentity, type Runtime } from '@cis-memory/core'
import { keyFile } from '@cis-memory/store/level'
import { nodeRuntime } from '@cis-memory/transport/node-runtime'
import { readConfig } from '../config/config.ts'
import { checkHome, type Home, homeExists, makeHome } from '../home.ts'
import type { ConnectionScope } from '../local-socket/handshake.ts'
import type {
  HomeResult,
  InitOptions,
  JoinOptions,
  RunNodeOptions,
  RunningNode
} from '../operations/session.ts'
import type { Backend } from '../session/acquire.ts'
import { configureHome } from './configure-home.ts'
import { DEFAULT_SPACE_NAME, defaultDeviceName, Holder, type HolderOptions } from './holder.ts'

/** Opens the store of a home for a session. Closing the session closes it. */
export async function openBackend(home: Home, connection: ConnectionScope): Promise<Backend> {
  const holder = await Holder.open(await configuredOptions(home))
  try {
    return { ...holder.open(connection), via: 'store', isOpen: true, close: () => holder.close() }
  } catch (error) {
    await holder.close()
    throw error
  }
}

/** Makes a home with a space of its own. */
export async function initHomeHere(options: InitOptions): Promise<HomeResult> {
  const { space = DEFAULT_SPACE_NAME, device = defaultDeviceName(), signal } = options
  const runtime = nodeRuntime()
  signal?.throwIfAborted()
  const home = await makeHome(options.home)
  const adopt: HolderOptions['adoptSpace'] = async (store) => {
    await createSpace(store, runtime, { space, device })
  }
  await using holder = await Holder.open({ ...newHomeOptions(home, runtime), adoptSpace: adopt })
  if (!holder.isNew) throw homeExists(home)
  return configureHome(holder, options.listen)
}

/** Makes a home in the space of an invitation. */
export async function joinHomeHere(options: JoinOptions): Promise<HomeResult> {
  const { code, device = defaultDeviceName(), signal } = options
  const runtime = nodeRuntime()
  signal?.throwIfAborted()
  const home = await makeHome(options.home)
  const { joinWithCode } = await import('@cis-memory/transport')
  let inviter: Awaited<ReturnType<typeof joinWithCode>> | undefined
  const join: HolderOptions['adoptSpace'] = async (store) => {
    inviter = await joinWithCode({
      deviceKey: await deviceIdentity(store, runtime),
      name: device,
      code,
      adopt: ({ genesis, secret, records }) => adoptSpace(store, { genesis, secret }, records),
      runtime,
      ...(signal !== undefined && { signal })
    })
  }
  await using holder = await Holder.open({ ...newHomeOptions(home, runtime), adoptSpace: join })
  if (inviter === undefined) throw homeExists(home)
  await holder.book.add(inviter.inviter, inviter.addresses)
  return configureHome(holder, options.listen)
}

/** Opens a home and keeps it on the network. */
export async function runNodeHere(options: RunNodeOptions): Promise<RunningNode> {
  const { signal } = options
  signal?.throwIfAborted()
  const home = await checkHome(options.home)
  let closing: Promise<void> | undefined
  let markEnded = (): void => {}
  const ended = new Promise<void>((resolve) => {
    markEnded = resolve
  })
  const onEnd = (): void => {
    close().catch(() => {})
  }
  const close = (): Promise<void> => {
    signal?.removeEventListener('abort', onEnd)
    closing ??= holder.close().finally(markEnded)
    return closing
  }
  const holder = await Holder.open({ ...(await configuredOptions(home)), shutdown: onEnd })
  try {
    const node = await holder.node()
    signal?.throwIfAborted()
    signal?.addEventListener('abort', onEnd, { once: true })
    return { addresses: node.addresses(), ended, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

async function configuredOptions(home: Home): Promise<HolderOptions> {
  const { node, storage, memory, guard } = await readConfig(home.configFile)
  return {
    home,
    key: keyFile(home.keyFile),
    runtime: nodeRuntime(),
    createIfMissing: false,
    durability: storage.durability,
    epoch: 'when-in-doubt',
    compression: memory.compression,
    conflict: memory.conflict,
    notify: memory.notify,
    auditRetentionMs: guard.auditRetentionMs,
    localSocket: true,
    node
  }
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
    notify: [],
    localSocket: false
  }
}
