import type { ConflictSettings, HistorySettings, Memory, Merger } from '@cis-memory/core'
import { createMemory, createSpace } from '@cis-memory/core'
import type { KeySource } from '@cis-memory/store/level'
import { nodeRuntime } from '@cis-memory/transport/node-runtime'
import { readConfig } from './config/config.ts'
import { given } from './given.ts'
import { configuredModel } from './holder/configured-model.ts'
import { DEFAULT_SPACE_NAME, defaultDeviceName, Holder } from './holder/holder.ts'
import { homeAt } from './home.ts'

export interface OpenMemoryOptions {
  /** Where everything of this device lies. It may be a home of the `cis` command, with its key. */
  readonly directory: string
  /** Opens the store: {@link keyFile}, {@link passphrase}, or a source of your own. */
  readonly key: KeySource
  /** An absolute path: what the memory sees, with what lies below it. */
  readonly scope: string
  /**
   * `disk` acknowledges a write once it is on disk, `os` as soon as the operating system has it.
   * @default 'disk'
   */
  readonly durability?: 'disk' | 'os'
  /** `per-open` for machines that are snapshotted whole, such as sandboxes. @default 'when-in-doubt' */
  readonly epoch?: 'when-in-doubt' | 'per-open'
  /**
   * Compress public memory where that saves. Sizes then tell a little of what is in it: see the threat model.
   * @default true
   */
  readonly compression?: boolean
  /** What this device makes of conflicts. @default what `config.toml` in the directory says, or it leaves all to people */
  readonly conflict?: ConflictSettings
  /**
   * What a cleaning leaves of the history.
   * @default what `config.toml` in the directory says, or 90 days and 10 versions
   */
  readonly history?: HistorySettings
  /**
   * Merges a conflict when its owner asks for it from the `cis` command. What comes out is a proposal, which settles
   * nothing by itself.
   * @default the model that `config.toml` in the directory names, which merges by policy too, or nothing
   */
  readonly merger?: Merger
  /**
   * Answer the `cis` command of the same user while this program has the store open. Not on Windows.
   * @default true
   */
  readonly localSocket?: boolean
  /** What other devices call this one, when it starts a space. @default the host's name */
  readonly deviceName?: string
  /** The name of the space that a new directory starts. @default 'default' */
  readonly spaceName?: string
}

const holders = new WeakMap<Memory, Holder>()

/**
 * Opens the memory in a directory, or starts a new space in an empty one. Closing the memory closes everything.
 *
 * @throws {StoreError} `STORE_LOCKED` ({@link StoreLockedError}) when another program has it open, `STORE_WRONG_KEY`,
 * and what else `openLevelStore` throws
 * @throws {CoreError} `CORE_BAD_PATH` for a scope that is no absolute path, `CORE_BAD_OPTION` for a name
 * @throws {CisError} `CIS_SOCKET_NOT_PRIVATE`, `CIS_SOCKET_PATH_TOO_LONG`
 * @throws {ConfigError} `CIS_BAD_CONFIG` when the directory has a `config.toml` that cannot be
 * @throws {GuardError} `GUARD_ENFORCEMENT_REQUIRED` when that would turn the guard off
 */
export async function openMemory(options: OpenMemoryOptions): Promise<Memory> {
  const { directory, key, scope, deviceName, spaceName } = options
  if (typeof key?.derive !== 'function') {
    throw new TypeError('key: expected a source of keys, such as keyFile(path) or passphrase(text)')
  }
  const runtime = nodeRuntime()
  const home = homeAt(directory)
  const { memory: configured, guard, ai } = await readConfig(home.configFile)
  const names = { space: spaceName ?? DEFAULT_SPACE_NAME, device: deviceName ?? defaultDeviceName() }
  const holder = await Holder.open({
    home,
    key,
    runtime,
    adoptSpace: async (store) => {
      await createSpace(store, runtime, names)
    },
    createIfMissing: true,
    durability: options.durability ?? 'disk',
    epoch: options.epoch ?? 'when-in-doubt',
    compression: options.compression ?? true,
    conflict: options.conflict ?? configured.conflict,
    history: options.history ?? configured.history,
    ...(ai !== undefined && { ...configuredModel(ai), isMergingByPolicy: options.merger === undefined }),
    ...given({ merger: options.merger }),
    notify: configured.notify,
    auditRetentionMs: guard.auditRetentionMs,
    localSocket: options.localSocket ?? true
  })
  try {
    const memory = createMemory(holder.replica, scope, { onClose: () => holder.close() })
    holders.set(memory, holder)
    return memory
  } catch (error) {
    await holder.close()
    throw error
  }
}

/** The holder behind a memory, for what is built on both. @throws {TypeError} for a memory of another origin */
export function holderOf(memory: Memory): Holder {
  const holder = holders.get(memory)
  if (holder === undefined)
    throw new TypeError('memory: expected what openMemory returned, not a narrower handle')
  return holder
}
