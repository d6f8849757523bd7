import type { GivenTo, WhyAct, WhyItem } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { positiveInteger } from '../arguments.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { drawLineage, type LineageEntry } from '../render/lineage.ts'
import { versionRecord } from '../render/records.ts'
import { printableLine } from '../render/terminal-text.ts'
import { count, isoTime, localTime } from '../render/time.ts'
import { versionPreview } from '../render/value.ts'
import { author, name, shortId } from '../render/version.ts'
import { wrap } from '../render/wrap.ts'

interface WhyOptions {
  readonly private?: boolean
  readonly limit: number
}

/** Longest value in a line, and the least that is left of one beside a wide drawing. */
const PREVIEW_LENGTH = 120
const MIN_LINE_CELLS = 24
const DEFAULT_LIMIT = 50

const ACTS: Readonly<Record<WhyAct, string>> = {
  write: 'write',
  deletion: 'deletion',
  resolution: 'resolution',
  undo: 'undo',
  restore: 'says again what an earlier one said'
}

export function registerWhy(program: Command, registration: Registration): void {
  program
    .command('why')
    .description('Show who wrote a memory after having seen what, and which agents were given it')
    .argument('<key>', 'its path, relative to the scope or absolute')
    .option('--private', 'in the private domain')
    .option('--limit <number>', 'the latest so many versions', positiveInteger, DEFAULT_LIMIT)
    .addHelpText(
      'after',
      `
● is live, ○ was replaced by what lies above it and is joined to it. Agents are those that were given the memory on
this device, as far back as its audit log goes.`
    )
    .action(action(registration, showWhy))
}

async function showWhy(cli: Invocation, key: string, options: WhyOptions): Promise<ExitCode> {
  const { output, host } = cli
  const domain = options.private === true ? 'private' : 'public'
  const session = await cli.memory(domain)
  const items: WhyItem[] = []
  let isCut = false
  for await (const item of session.stream('memory.why', { path: key, domain }, { signal: host.signal })) {
    isCut = items.length === options.limit
    if (isCut) break
    items.push(item)
    if (output.isJson) await output.record(whyRecord(item))
  }
  if (output.isJson) return EXIT.done
  const shown = new Set<string>(items.map(({ entryId }) => entryId))
  const entries = items.map((item) => lineageEntry(cli, item, shown))
  const cells = output.isTerminal ? output.columns : Number.POSITIVE_INFINITY
  for (const line of drawLineage(entries, cells)) await output.line(line)
  if (isCut) output.talk(`Older versions are left out; see more with --limit.`)
  if (items.length === 0) {
    output.talk(`${printableLine(key)} has no history: nothing was ever there.`)
    cli.suggest('memory list')
  }
  return EXIT.done
}

function lineageEntry(cli: Invocation, item: WhyItem, shown: ReadonlySet<string>): LineageEntry {
  const { output } = cli
  const { entryId, isLive } = item
  const { parents } = firstOf(item)
  return {
    id: entryId,
    parents,
    mark: isLive ? output.dataColors.green('●') : '○',
    lines: (cells) => {
      const width = Math.max(cells, MIN_LINE_CELLS)
      const lines = [headline(cli, item), ...valueLines(item, width)]
      const elsewhere = parents.filter((parent) => !shown.has(parent)).length
      if (elsewhere > 0) lines.push(`after ${count(elsewhere, 'version')} not shown here`)
      if (item.given.length > 0) {
        lines.push(`given to ${item.given.map((given) => givenText(cli, given)).join('; ')}`)
      }
      return Number.isFinite(cells) ? lines.flatMap((line) => wrap(line, width)) : lines
    }
  }
}

function headline({ output }: Invocation, item: WhyItem): string {
  const { entryId, act, isLive, recordedAs } = item
  const version = firstOf(item)
  return [
    output.isTerminal ? shortId(entryId) : entryId,
    isLive ? output.dataColors.green('live') : 'replaced',
    version.isOverwrite ? `${ACTS[act]}, unseen` : ACTS[act],
    author(version),
    output.isTerminal ? localTime(version.writtenAt) : isoTime(version.writtenAt),
    ...(recordedAs === undefined ? [] : [`audit record ${recordedAs}`])
  ].join(' · ')
}

function valueLines({ versions }: WhyItem, width: number): string[] {
  return versions.map((version) => versionPreview(version, Math.min(PREVIEW_LENGTH, width)))
}

function givenText({ output }: Invocation, { agent, times, lastAt }: GivenTo): string {
  const when = output.isTerminal ? localTime(lastAt) : isoTime(lastAt)
  const who = agent === undefined ? 'an agent without a name' : name(agent)
  return times === 1 ? `${who} at ${when}` : `${who} ${times} times, last at ${when}`
}

function whyRecord(item: WhyItem): unknown {
  const { entryId, isLive, act, versions, given, recordedAs } = item
  return {
    entryId,
    isLive,
    act,
    parents: firstOf(item).parents,
    versions: versions.map(versionRecord),
    given: given.map(({ agent, times, firstAt, lastAt }) => ({
      agent,
      times,
      firstAt: isoTime(firstAt),
      lastAt: isoTime(lastAt)
    })),
    recordedAs
  }
}

/** An entry has a version at least, and all of its versions have one author. */
function firstOf({ versions }: WhyItem): WhyItem['versions'][number] {
  const [first] = versions
  if (first === undefined) throw new Error('cis broke a promise to itself: an entry without a version')
  return first
}
