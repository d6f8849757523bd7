import type { Command } from 'commander'
import type { Registration } from './action.ts'

/** Adds a command to its parent. */
export type Register = (parent: Command, registration: Registration) => void | Promise<void>

/** Commands by their names, each in a file of its own that is loaded when it is needed. */
export type Commands = Readonly<Record<string, () => Promise<Register>>>

/** What a command line has that is about commands it does not run. */
const ABOUT_OTHERS = ['help', '--help', '-h']

/**
 * Adds the commands that a command line may mean: those it names anywhere, or all of them when it names none or asks
 * for help. Loading all takes longer than most of them run.
 */
export async function registerCommands(
  parent: Command,
  registration: Registration,
  groups: readonly { readonly title?: string; readonly commands: Commands }[]
): Promise<void> {
  const { argv } = registration
  const names = groups.flatMap(({ commands }) => Object.keys(commands))
  const isAboutOthers = ABOUT_OTHERS.some((word) => argv.includes(word))
  const named = isAboutOthers ? [] : names.filter((name) => argv.includes(name))
  for (const { title, commands } of groups) {
    if (title !== undefined) parent.commandsGroup(title)
    for (const [name, load] of Object.entries(commands)) {
      if (named.length > 0 && !named.includes(name)) continue
      const register = await load()
      await register(parent, registration)
    }
  }
}
