import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { CliError } from '../errors.ts'
import type { Host } from '../host.ts'

/**
 * Runs a command line of the user's own on this terminal, to its end. It names its files as shells do: `"$LOCAL"`.
 *
 * @throws {CliError} `CLI_EDIT_FAILED` when it could not be started or did not end well
 */
export async function runProgram(
  { env, workingDirectory, signal }: Host,
  command: string,
  files: Readonly<Record<string, string>>
): Promise<void> {
  const line = process.platform === 'win32' ? withPaths(command, files) : command
  const child = spawn(line, {
    cwd: workingDirectory,
    env: { ...env, ...files } as NodeJS.ProcessEnv,
    shell: true,
    signal,
    stdio: 'inherit'
  })
  let exitCode: number | null
  try {
    ;[exitCode] = (await once(child, 'close')) as [number | null]
  } catch (error) {
    signal.throwIfAborted()
    throw failed(command, 'could not be started', error)
  }
  if (exitCode !== 0) throw failed(command, 'did not end well')
}

/** The Windows command interpreter knows variables by other signs. */
function withPaths(command: string, files: Readonly<Record<string, string>>): string {
  return command.replaceAll(/"?\$(\w+)"?/g, (whole, name: string) => {
    const file = files[name]
    return file === undefined ? whole : `"${file}"`
  })
}

function failed(command: string, what: string, cause?: unknown): CliError {
  const [program = ''] = command.split(' ')
  return new CliError('CLI_EDIT_FAILED', `${program} ${what}; nothing was settled`, { cause })
}
