import { type KeySource, keyFile } from '@cis-memory/store/level'
import { type CisConfig, readConfig } from './config/config.ts'
import { Holder, type HolderOptions } from './holder/holder.ts'
import { checkHome, type Home } from './home.ts'
import { nodeRuntime } from './node-runtime.ts'
import type { CisSession, SessionOptions } from './operations/session.ts'
import { acquire, type Backend } from './session/acquire.ts'
import { Session } from './session/session.ts'

/**
 * Opens a session on a home: through the local socket of the process that has the store open, or by opening it here
 * when nobody has.
 *
 * @throws {CisError} `CIS_HOME_NOT_FOUND`, `CIS_HOME_NOT_PRIVATE`, `CIS_BAD_CONFIG`, `CIS_SOCKET_UNTRUSTED` and other
 * `CIS_SOCKET_…` codes when the holder cannot be talked to
 * @throws {StoreError} `STORE_LOCKED` ({@link StoreLockedError}) when the holder answers nobody, and what else
 * `openLevelStore` throws
 * @throws {CoreError} `CORE_BAD_PATH` for a scope that is no absolute path
 * @throws {GuardError} `GUARD_ENFORCEMENT_REQUIRED`
 */
export async function openSession(options: SessionOptions): Promise<CisSession> {
  const { scope = '/', domain, signal } = options
  const runtime = nodeRuntime()
  const home = await checkHome(options.home)
  const config = await readConfig(home.configFile)
  const connection = { scope, domain }
  const openStore = async (): Promise<Backend> => {
    const holder = await Holder.open(holderOptions(home, config))
    try {
      const operations = holder.open(connection)
      return { ...operations, via: 'store', isOpen: true, close: () => holder.close() }
    } catch (error) {
      await holder.close()
      throw error
    }
  }
  const find = (within: AbortSignal | undefined): Promise<Backend> =>
    acquire({ home, connection, runtime, openStore, ...(within !== undefined && { signal: within }) })
  return new Session({ scope, backend: await find(signal), runtime, acquire: find })
}

/** How a home is opened as its configuration says. */
export function holderOptions(
  home: Home,
  config: CisConfig,
  key: KeySource = keyFile(home.keyFile)
): HolderOptions {
  return {
    home,
    key,
    runtime: nodeRuntime(),
    createIfMissing: false,
    durability: config.storage.durability,
    epoch: 'when-in-doubt',
    localSocket: true
  }
}
