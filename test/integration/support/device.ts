import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Child, Finished } from './child.ts'
import type { Sandbox, StartOptions } from './sandbox.ts'

/** The built command. */
export const CIS: string = fileURLToPath(new URL('../../../packages/cli/dist/bin.js', import.meta.url))

const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

export interface RunningNode {
  readonly child: Child
  /** On 127.0.0.1. */
  readonly address: string
}

/** A home and the `cis` command, as a person has them. */
export class Device {
  readonly name: string
  /** The directory that commands run in; its scope file is there. */
  readonly directory: string
  readonly home: string
  readonly #sandbox: Sandbox

  private constructor(sandbox: Sandbox, name: string, directory: string) {
    this.#sandbox = sandbox
    this.name = name
    this.directory = directory
    this.home = join(sandbox.directory, name)
  }

  /** One whose home is not made yet, working in a directory of its own or another's. */
  static async empty(sandbox: Sandbox, name: string, directory?: string): Promise<Device> {
    return new Device(sandbox, name, directory ?? (await sandbox.folder(`${name}-project`)))
  }

  /** The first device of a space, in the scope `/acme/web`. */
  static async first(sandbox: Sandbox, name: string): Promise<Device> {
    const device = await Device.empty(sandbox, name)
    await device.must(['init', '--space', 'team', '--scope', '/acme/web', ...device.#place()])
    return device
  }

  /** A device that joins with a code, and works in the directory of the one that made it. */
  static async joined(sandbox: Sandbox, name: string, code: string, beside: Device): Promise<Device> {
    const device = await Device.empty(sandbox, name, beside.directory)
    await device.must(device.joining(), code)
    return device
  }

  /** The arguments with which it would join, its code on standard input. */
  joining(): string[] {
    return ['join', '-', ...this.#place()]
  }

  /** Starts `cis` without waiting for its end. */
  start(args: readonly string[], options: StartOptions = {}): Child {
    const all = [CIS, '--home', this.home, ...args]
    return this.#sandbox.start(process.execPath, all, { cwd: this.directory, ...options })
  }

  /** Runs `cis` to its end. */
  async cis(args: readonly string[], input: string | Uint8Array = ''): Promise<Finished> {
    const child = this.start(args)
    child.end(input)
    return child.ended
  }

  /** Runs what must succeed; resolves to its standard output. */
  async must(args: readonly string[], input: string | Uint8Array = ''): Promise<string> {
    const { exitCode, stdout, stderr } = await this.cis(args, input)
    if (exitCode !== 0)
      throw new Error(`cis ${args.join(' ')} on ${this.name} ended with ${exitCode}: ${stderr}`)
    return stdout.toString()
  }

  /** Runs `cis node run`; resolves once it listens. */
  async node(): Promise<RunningNode> {
    const child = this.start(['--json', 'node', 'run'])
    const address = await child.line((line) => {
      const { addresses } = JSON.parse(line) as { addresses: readonly string[] }
      return addresses.find((each) => each.startsWith('/ip4/127.0.0.1/'))
    })
    return { child, address }
  }

  /** Keeps its node to 127.0.0.1: no discovery in the local network, and no other interface. */
  async stayHere(): Promise<void> {
    const file = join(this.home, 'config.toml')
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replace('mdns = true', 'mdns = false').replace('0.0.0.0', '127.0.0.1'))
  }

  #place(): string[] {
    return ['--device', this.name, '--listen', LOOPBACK]
  }
}

/** Objects of an output with one on each line. */
export function records<T = Record<string, unknown>>(output: Buffer | string): T[] {
  return output
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}
