import { keyFile } from '@cis-memory/store/level'
import { configureHome } from './holder/configure-home.ts'
import { DEFAULT_SPACE_NAME, defaultDeviceName, Holder } from './holder/holder.ts'
import { homeExists, makeHome } from './home.ts'
import { nodeRuntime } from './node-runtime.ts'
import type { HomeResult, InitOptions } from './operations/session.ts'

/**
 * Makes a home with a key, a store, a new space and a configuration.
 *
 * @throws {CisError} `CIS_HOME_EXISTS`, `CIS_HOME_NOT_PRIVATE`
 * @throws {CoreError} `CORE_BAD_OPTION` for a name that is empty or too long
 */
export async function initHome(options: InitOptions): Promise<HomeResult> {
  const { space = DEFAULT_SPACE_NAME, device = defaultDeviceName(), signal } = options
  signal?.throwIfAborted()
  const home = await makeHome(options.home)
  await using holder = await Holder.open({
    home,
    key: keyFile(home.keyFile),
    runtime: nodeRuntime(),
    newSpace: { space, device },
    createIfMissing: true,
    durability: 'disk',
    epoch: 'when-in-doubt',
    localSocket: false
  })
  if (!holder.hasStartedSpace) throw homeExists(home)
  return configureHome(holder, options.listen)
}
