#!/usr/bin/env node
import { homedir } from 'node:os'
import { basename, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXIT } from './exit-codes.ts'
import { run } from './program.ts'

const interruption = new AbortController()

/** The first asks for a clean end; whoever asks twice does not want to wait for one. */
function interrupt(): void {
  if (interruption.signal.aborted) process.exit(EXIT.interrupted)
  interruption.abort(new Error('interrupted'))
}

process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)
// The terminal is gone: what an editor works on has to go too.
process.on('SIGHUP', interrupt)
// A parent that keeps a channel to us wants us to end when it does, whatever ended it. The channel alone must not
// keep us alive.
process.on('disconnect', interrupt)
process.channel?.unref()

// The reader of a pipe may leave before we are done, as `head` does: that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.done)
  process.stderr.write(`error: standard output cannot be written to (${error.code}); not all was printed\n`)
  process.exit(EXIT.failure)
})

/** In a checkout nobody has a `cis` on their path. */
function typedName(): string {
  const [, script = 'cis'] = process.argv
  if (basename(script) === 'cis') return 'cis'
  const nearby = relative(process.cwd(), script)
  return `node ${nearby.startsWith('..') ? script : nearby}`
}

process.exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  program: {
    typed: typedName(),
    executable: process.execPath,
    leadingArguments: [fileURLToPath(import.meta.url)]
  },
  workingDirectory: process.cwd(),
  userDirectory: homedir(),
  signal: interruption.signal,
  interrupt,
  now: Date.now,
  library: () => import('cis-memory/session')
})
