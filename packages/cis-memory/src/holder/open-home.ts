/*
 * What needs the store itself. The `cis` command loads it only when nobody else has the store open.
 */
import { StoreLockedError } from '@cis-memory/store'
import { keyFile } from '@cis-memory/store/level'
import { nodeRuntime } from '@cis-memory/transport/node-runtime'
import { readConfig } from '../config/config.ts'
import { given } from '../given.ts'
import { checkHome, type Home } from '../home.ts'
import { COMMAND_WAIT_MS } from '../limits.ts'
import type { ConnectionScope } from '../local-socket/handshake.ts'
import type { RunNodeOptions, RunningNode } from '../operations/session.ts'
import type { Backend } from '../session/acquire.ts'
import { patiently } from '../session/patience.ts'
import { configuredModel } from './configured-model.ts'
import { Holder, type HolderOptions } from './holder.ts'

/** Opens the store of a home for a session. Closing the session closes it. */
export async function openBackend(home: Home, connection: ConnectionScope): Promise<Backend> {
  const holder = await Holder.open(await configuredOptions(home, { isMergingByPolicy: false }))
  try {
    const { openingNotice: notice } = holder.replica
    return { ...holder.open(connection), via: 'store', isOpen: true, notice, close: () => holder.close() }
  } catch (error) {
    await holder.close()
    throw error
  }
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
  const configured = await configuredOptions(home, { isMergingByPolicy: true })
  const holder = await patiently(() => Holder.open({ ...configured, shutdown: onEnd }), {
    runtime: configured.runtime,
    waitMs: COMMAND_WAIT_MS,
    isPassing: (error) => error instanceof StoreLockedError,
    ...given({ signal })
  })
  try {
    const node = await holder.node()
    signal?.throwIfAborted()
    signal?.addEventListener('abort', onEnd, { once: true })
    const { openingNotice: notice } = holder.replica
    return { addresses: node.addresses(), notice, ended, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

/** @param isMergingByPolicy whether this process stays long enough to hear what a model answers */
async function configuredOptions(
  home: Home,
  { isMergingByPolicy }: Pick<HolderOptions, 'isMergingByPolicy'>
): Promise<HolderOptions> {
  const { node, storage, memory, guard, ai } = await readConfig(home.configFile)
  return {
    home,
    key: keyFile(home.keyFile),
    runtime: nodeRuntime(),
    createIfMissing: false,
    durability: storage.durability,
    epoch: 'when-in-doubt',
    compression: memory.compression,
    conflict: memory.conflict,
    history: memory.history,
    notify: memory.notify,
    auditRetentionMs: guard.auditRetentionMs,
    ...(ai !== undefined && { ...configuredModel(ai), isMergingByPolicy }),
    localSocket: true,
    node
  }
}
