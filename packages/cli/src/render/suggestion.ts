import type { ConflictSuggestion } from 'cis-memory/session'
import { type Invocation, quote } from '../invocation.ts'
import { keyWithin } from './paths.ts'
import { count } from './time.ts'
import { name } from './version.ts'

/** What would have kept conflicts from happening, as a sentence and a command. */
export function tellSuggestion(
  cli: Invocation,
  scope: string,
  { code, path, devices, count: of }: ConflictSuggestion
): void {
  const { output } = cli
  const from = output.talkColors.dim(`(from ${count(of, 'conflict')})`)
  switch (code) {
    case 'sync-before-writing': {
      const names = (devices ?? []).map((device) => name(device.name)).join(' and ')
      output.talk(`${names} keep writing without having seen each other ${from}: sync before writing.`)
      cli.suggest('node run', 'on both, and they see each other at once')
      return
    }
    case 'split-this-key': {
      const key = path === undefined ? '' : keyWithin(scope, path)
      output.talk(
        `${key} keeps being in conflict ${from}: several smaller memories could change by themselves.`
      )
      cli.suggest(`memory history ${quote(key)}`)
      return
    }
    case 'settle-old-conflicts':
      output.talk(`${count(of, 'conflict has', 'conflicts have')} waited for more than a week.`)
      cli.suggest('memory conflicts resolve')
      return
  }
}
