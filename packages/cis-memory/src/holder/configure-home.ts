import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { defaultConfigText } from '../config/config.ts'
import { markFinished, writePrivateFile } from '../home.ts'
import type { HomeResult } from '../operations/session.ts'
import type { Holder } from './holder.ts'

/** Above what systems reserve, and below where Linux and macOS take the ports of outgoing connections from. */
const FIRST_PORT = 20_000
const LAST_PORT = 32_767
const MAX_PORT_TRIES = 32

/** Writes the first configuration of a home. It is what makes a home complete, so it comes last. */
export async function configureHome(
  { home, device, replica }: Holder,
  listen: readonly string[] | undefined
): Promise<HomeResult> {
  const chosen = listen ?? [`/ip4/0.0.0.0/tcp/${await freePort()}`]
  await writePrivateFile(home.configFile, defaultConfigText({ device: device.name, listen: chosen }))
  await markFinished(home)
  return {
    home: home.directory,
    device: { id: device.device, name: device.name },
    space: { id: replica.space, name: replica.spaceName },
    listen: chosen,
    configFile: home.configFile
  }
}

/** A random port that nobody listens on now, for this device to keep. */
async function freePort(): Promise<number> {
  for (let tries = 1; ; tries++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1)
    if (tries === MAX_PORT_TRIES || (await isFree(port))) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)))
  })
}
