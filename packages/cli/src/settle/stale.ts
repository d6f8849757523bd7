import type { CisSession, Conflict, Version } from 'cis-memory/session'
import type { Invocation } from '../invocation.ts'
import { keyWithin } from '../render/paths.ts'
import { ago } from '../render/time.ts'
import { versionPreview } from '../render/value.ts'
import { author } from '../render/version.ts'

const PREVIEW_LENGTH = 60

/**
 * Tells what has become of a conflict since it was shown.
 *
 * @param shown the versions that were shown, when they are known
 */
export async function tellChanges(
  cli: Invocation,
  session: CisSession,
  path: string,
  shown: readonly Version[] | undefined
): Promise<void> {
  const { output, host } = cli
  const read = await session.call('memory.get', { path, domain: 'public' }, { signal: host.signal })
  const key = keyWithin(session.scope, path)
  if (read.state === 'absent') {
    output.talk(`${key} has been settled since: it is deleted.`)
    return
  }
  if (read.state === 'value') {
    output.talk(`${key} has been settled since. It is now:`)
    tellVersion(cli, ' ', read.version)
    return
  }
  output.talk(`${key} has changed since it was shown:`)
  const { versions } = read.conflict
  for (const version of shown ?? []) if (!isAmong(version, versions)) tellVersion(cli, '-', version)
  for (const version of versions) {
    const isNew = shown !== undefined && !isAmong(version, shown)
    tellVersion(cli, isNew ? '+' : ' ', version)
  }
}

function tellVersion({ output, host }: Invocation, sign: string, version: Version): void {
  const when = `${author(version)}, ${ago(version.writtenAt, host.now())}`
  output.talk(`  ${sign} ${versionPreview(version, PREVIEW_LENGTH)}  ${output.talkColors.dim(when)}`)
}

function isAmong({ entryId, index }: Version, versions: Conflict['versions']): boolean {
  return versions.some((other) => other.entryId === entryId && other.index === index)
}
