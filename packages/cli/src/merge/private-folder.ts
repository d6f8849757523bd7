import { rmSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * A folder of this user alone, for what an editor or a merge tool works on. It goes when it is disposed of, and when the
 * process ends before that.
 */
export class PrivateFolder implements AsyncDisposable {
  readonly #directory: string
  readonly #onExit: () => void

  private constructor(directory: string) {
    this.#directory = directory
    this.#onExit = () => rmSync(directory, { recursive: true, force: true })
    process.once('exit', this.#onExit)
  }

  static async create(): Promise<PrivateFolder> {
    return new PrivateFolder(await mkdtemp(join(tmpdir(), 'cis-edit-'))) // made with mode 0700
  }

  /** Makes a file; resolves to where it is. */
  async write(name: string, text: string): Promise<string> {
    const file = join(this.#directory, name)
    await writeFile(file, text, { mode: 0o600, flag: 'wx' })
    return file
  }

  async read(name: string): Promise<Uint8Array> {
    return readFile(join(this.#directory, name))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
    process.off('exit', this.#onExit)
  }
}
