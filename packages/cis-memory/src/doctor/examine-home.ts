import { checkHome, exists, homeAt, requirePrivate } from '../home.ts'

/** A part of a home, and what is wrong with it. */
export interface HomeFinding {
  readonly part: 'home' | 'key' | 'configuration' | 'socket' | 'model key'
  /** An error as whoever opens the home would meet it; `undefined` when there is none. */
  readonly problem: { readonly code: string; readonly message: string } | undefined
}

/** Looks at the files of a home, apart from its store. Nothing is opened, changed or told. */
export async function examineHome(directory: string): Promise<readonly HomeFinding[]> {
  const home = homeAt(directory)
  const found = [await look('home', async () => void (await checkHome(directory)))]
  if (!(await exists(home.storeDirectory))) return found
  found.push(await look('key', () => checkKey(home.keyFile)))
  let modelKey: string | undefined
  found.push(
    await look('configuration', async () => {
      const { readConfig } = await import('../config/config.ts')
      modelKey = (await readConfig(home.configFile)).ai?.apiKeyFile
    })
  )
  if (modelKey !== undefined) {
    const file = modelKey
    found.push(
      await look('model key', async () => {
        const { apiKeyFile } = await import('../ai/api-key.ts')
        await apiKeyFile(file)()
      })
    )
  }
  if (await exists(home.socketDirectory)) {
    found.push(await look('socket', () => requirePrivate(home.socketDirectory, 'CIS_SOCKET_NOT_PRIVATE')))
  }
  return found
}

/** Reads the key as opening the store does, and forgets it. */
async function checkKey(file: string): Promise<void> {
  const { keyFile } = await import('@cis-memory/store/level')
  const salt = Buffer.alloc(16).toString('base64')
  ;(await keyFile(file).derive({ salt })).fill(0)
}

async function look(part: HomeFinding['part'], work: () => Promise<void>): Promise<HomeFinding> {
  try {
    await work()
    return { part, problem: undefined }
  } catch (error) {
    const { code, message } = error as { readonly code?: unknown; readonly message: string }
    return { part, problem: { code: typeof code === 'string' ? code : 'CIS_UNEXPECTED', message } }
  }
}
