/*
 * What cis is for, with real parts only: three operating-system processes with a store, a key and an identity each,
 * libp2p over TCP between them, and no way in but the operations everybody uses. Each step says what it checked; the
 * first claim that does not hold ends the demo.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { CisSession, Conflict, GuardResult, MemoryItem } from 'cis-memory/session'
import { CliError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { refusalOf, settling } from '../explain.ts'
import { commandLine, type Invocation } from '../invocation.ts'
import { printableText } from '../render/terminal-text.ts'
import { bytes, count } from '../render/time.ts'
import { Account } from './account.ts'
import { type Canary, isInAnswer, makeCanary, searchFiles } from './canary.ts'
import { DemoDevice } from './device.ts'
import { findDocuments } from './documents.ts'

export interface DemoOptions {
  readonly pause?: boolean
  readonly keep?: boolean
}

const DOCS = '/demo/docs'
const NOTES = '/demo/notes'
const KEY = 'deploy/day'
const CONTESTED = `${DOCS}/${KEY}`
const FIRST = 'We deploy on Tuesdays.'
const ON_DESKTOP = 'We deploy on Tuesdays, after the tests are green.'
const ON_TABLET = 'We deploy on Tuesdays and Fridays.'
const LISTEN = '/ip4/127.0.0.1/tcp/0'

const INVITATION_MS = 60_000
/** What was told to peers is applied within this, or a sync takes over. */
const GOSSIP_TIMEOUT_MS = 5_000
const POLL_INTERVAL_MS = 100

/** A device, and what talks to its node. */
interface Running {
  readonly device: DemoDevice
  readonly session: CisSession
}

interface Demo {
  readonly cli: Invocation
  readonly account: Account
  readonly signal: AbortSignal
  readonly laptop: Running
  readonly desktop: Running
  readonly tablet: Running
  readonly all: readonly Running[]
  readonly canary: Canary
}

/** Runs the demo to its end, and leaves nothing behind. */
export async function runDemo(cli: Invocation, { pause, keep }: DemoOptions): Promise<ExitCode> {
  const startedAt = performance.now()
  const { host, output } = cli
  const account = new Account(cli)
  const directory = await mkdtemp(join(tmpdir(), 'cis-demo-'))
  const devices = ['laptop', 'desktop', 'tablet'].map((name) => new DemoDevice(host, directory, name))
  const signal = AbortSignal.any([host.signal, ...devices.map(({ lost }) => lost)])
  try {
    const all = await startDevices(account, devices, signal)
    const [laptop, desktop, tablet] = all
    if (laptop === undefined || desktop === undefined || tablet === undefined)
      throw new TypeError('expected 3')
    const canary = makeCanary()
    const demo = { cli, account, signal, laptop, desktop, tablet, all, canary }
    const memories = await shareDocuments(demo)
    await disagree(demo)
    const conflict = await meet(demo)
    await refuseAgents(demo, conflict)
    await settle(demo, conflict, pause === true)
    await deliver(demo)
    await keepPrivate(demo)
    const seconds = (performance.now() - startedAt) / 1_000
    await account.step('What happened')
    await account.note(
      `Three devices shared ${count(memories, 'memory', 'memories')}, disagreed about one, and lost neither version.`
    )
    await account.note('No agent was given memory of that scope until its owner had settled it.')
    await account.note(
      `${account.claims} claims were checked in ${seconds.toFixed(1)} s; nothing left this machine.`
    )
    if (output.isJson) await output.record({ isDone: true, claims: account.claims, seconds })
    return EXIT.done
  } catch (error) {
    host.signal.throwIfAborted()
    throw account.failure(error)
  } finally {
    await Promise.all(devices.map((device) => device.stop()))
    if (keep === true) output.talk(`Kept: ${directory}`)
    else await rm(directory, { recursive: true, force: true })
  }
}

async function startDevices(
  account: Account,
  devices: readonly DemoDevice[],
  signal: AbortSignal
): Promise<readonly Running[]> {
  await account.step('One device makes a space and invites two others')
  const [first, ...others] = devices
  if (first === undefined) throw new TypeError('expected a device')
  interface Made {
    readonly device: { readonly id: string }
    readonly space: { readonly id: string }
  }
  const where = (name: string): string[] => ['--device', name, '--listen', LISTEN]
  const owner = await first.cisJson<Made>(['init', '--space', 'demo', ...where(first.name)])
  await first.startNode()
  const laptop = await first.session('/demo')
  const joined = await Promise.all(
    others.map(async (device) => {
      const code = await invite(laptop, signal)
      const made = await device.cisJson<Made>(['join', '-', ...where(device.name)], code)
      await device.startNode()
      return { made, running: { device, session: await device.session('/demo') } }
    })
  )
  const made = [owner, ...joined.map((each) => each.made)]
  const running: Running[] = [{ device: first, session: laptop }, ...joined.map((each) => each.running)]
  const pids = new Set(devices.map(({ pid }) => pid))
  const ids = new Set(made.map(({ device }) => device.id))
  const spaces = new Set(made.map(({ space }) => space.id))
  await account.claim(pids.size === 3, `three processes run: ${[...pids].join(', ')}`)
  await account.claim(ids.size === 3, 'each device has an identity and an encrypted store of its own')
  await account.claim(spaces.size === 1, 'all three are in one space')
  const known = new Set<string>()
  for await (const peer of laptop.stream('peers.list', {}, { signal })) known.add(peer.device)
  await account.claim(
    made.slice(1).every(({ device }) => known.has(device.id)),
    `${first.name} knows ${others.map(({ name }) => name).join(' and ')} by their keys`
  )
  return running
}

async function invite(session: CisSession, signal: AbortSignal): Promise<string> {
  for await (const event of session.stream('invite', { expiresInMs: INVITATION_MS }, { signal })) {
    if (event.type === 'code') return event.code
  }
  throw new CliError('CLI_DEMO_FAILED', 'the laptop made no invitation')
}

/** @returns how many memories there are */
async function shareDocuments(demo: Demo): Promise<number> {
  const { cli, account, signal, laptop, desktop, all, canary } = demo
  await account.step('It imports Markdown; the others receive it')
  const library = await cli.host.library()
  let imported = 0
  for (const source of await findDocuments()) {
    const outcomes = library.importMemories(laptop.session, { source, prefix: DOCS, signal })
    for await (const { outcome } of outcomes) if (outcome === 'created') imported++
  }
  await account.claim(imported > 0, `${count(imported, 'heading')} became memories of the scope ${DOCS}`)
  await set(laptop, CONTESTED, FIRST, signal)
  await set(laptop, `${NOTES}/welcome`, 'Agents that work here are told so.', signal)
  await desktop.session.call(
    'memory.set',
    { path: `${DOCS}/${canary.path}`, domain: 'private', value: canary.value },
    { signal }
  )
  await syncAll(all, signal)
  const [expected = [], ...others] = await Promise.all(all.map((each) => publicMemories(each, signal)))
  const whole = JSON.stringify(expected)
  await account.claim(
    expected.length === imported + 2 && others.every((memories) => JSON.stringify(memories) === whole),
    `all three hold the same ${count(expected.length, 'memory', 'memories')}, word for word`,
    [expected.length, ...others.map((memories) => memories.length)]
  )
  return expected.length
}

async function disagree({ account, signal, laptop, desktop, tablet }: Demo): Promise<void> {
  await account.step('Two devices change the same memory without having seen each other')
  await account.note(`before:  ${FIRST}`)
  await set(desktop, CONTESTED, ON_DESKTOP, signal)
  await account.note(`desktop: ${ON_DESKTOP}`)
  await set(tablet, CONTESTED, ON_TABLET, signal)
  await account.note(`tablet:  ${ON_TABLET}`)
  const values = await Promise.all([laptop, desktop, tablet].map((each) => valueAt(each, signal)))
  await account.claim(
    values.join('|') === [FIRST, ON_DESKTOP, ON_TABLET].join('|'),
    'each device reads its own version; nothing has been sent'
  )
}

async function meet({ account, signal, all }: Demo): Promise<Conflict> {
  await account.step('They sync: both versions are kept, on every device')
  await syncAll(all, signal)
  const found = await Promise.all(all.map((each) => conflictsOf(each, signal)))
  const [conflict] = found[0] ?? []
  if (conflict === undefined) {
    throw new CliError('CLI_DEMO_FAILED', 'the devices disagree, and no conflict was found')
  }
  await account.claim(
    found.every((conflicts) => conflicts.length === 1 && conflicts[0]?.id === conflict.id),
    `all three name one conflict: ${conflict.id}`,
    found.map((conflicts) => conflicts.map(({ id, path }) => ({ id, path })))
  )
  const expected = [ON_DESKTOP, ON_TABLET].sort().join('|')
  await account.claim(
    found.every(
      ([each]) =>
        each?.versions
          .map(({ value }) => String(value))
          .sort()
          .join('|') === expected
    ),
    'all three hold both versions'
  )
  return conflict
}

async function refuseAgents(demo: Demo, conflict: Conflict): Promise<void> {
  const { cli, account, signal, all, desktop } = demo
  await account.step('The guard refuses to run an agent in that scope')
  const refusals: GuardResult[] = []
  for (const each of all) refusals.push(await runAgent(each, DOCS, signal))
  await account.claim(
    refusals.every(({ state }) => state === 'refused'),
    `no agent runs in ${DOCS}, on any device`,
    refusals.map(outcome)
  )
  const settles = `memory conflicts resolve ${conflict.id}`
  await account.claim(
    refusals.every((each) => each.state === 'refused' && settling(each.notifications) === settles),
    'each refusal names the command that settles it'
  )
  const [first] = refusals
  if (first?.state === 'refused') {
    for (const line of printableText(refusalOf(first.message)).split('\n')) await account.note(line)
    await account.command(commandOf(cli, desktop, settles))
  }
  const others: GuardResult[] = []
  for (const each of all) others.push(await runAgent(each, NOTES, signal))
  await account.claim(
    others.every((each) => each.state === 'delivered' && each.memories > 0),
    `agents run in another scope, ${NOTES}`,
    others.map(outcome)
  )
}

/** A command on the documents of a device, as it is typed here. */
function commandOf({ host }: Invocation, { device }: Running, line: string): string {
  return commandLine(host.program, { home: device.home, scope: DOCS }, line)
}

async function settle(demo: Demo, conflict: Conflict, isPaused: boolean): Promise<void> {
  const { account, signal, desktop, all } = demo
  await account.step('An owner settles it on one device; the others follow')
  const scope = ['--scope', DOCS, 'memory', 'conflicts']
  const list = await desktop.device.cis([...scope, 'list'])
  await account.shown('cis memory conflicts list', list.stdout.replaceAll('\t', '  '))
  await account.claim(
    list.exitCode === EXIT.contested && list.stdout.includes(conflict.id),
    `\`conflicts list\` names it and ends with exit code ${EXIT.contested}`
  )
  if (isPaused) {
    await pauseUntilSettled(demo, conflict)
  } else {
    const resolve = ['resolve', conflict.id, 'local']
    const { exitCode, stderr } = await desktop.device.cis([...scope, ...resolve])
    await account.shown(`cis memory conflicts ${resolve.join(' ')}`, firstLine(stderr))
    await account.claim(exitCode === EXIT.done, 'desktop keeps its own version')
    const broadcast = { path: CONTESTED }
    const { reached } = await desktop.session.call('memory.broadcast', broadcast, { signal })
    await account.claim(reached > 0, `the settlement was told to ${count(reached, 'peer')} by gossip`)
  }
  const isHeard = !isPaused && (await until(async () => (await openConflicts(all, signal)) === 0, signal))
  if (!isHeard) await syncAll(all, signal)
  const how = isHeard ? 'gossip' : 'a sync'
  await account.claim(
    (await openConflicts(all, signal)) === 0,
    `the conflict is gone on all three devices, through ${how}`
  )
  const [settled, ...others] = await Promise.all(all.map((each) => valueAt(each, signal)))
  await account.claim(
    others.every((value) => value === settled) && (isPaused || settled === ON_DESKTOP),
    `all three read: ${printableText(settled ?? '(deleted)')}`
  )
}

async function pauseUntilSettled(demo: Demo, conflict: Conflict): Promise<void> {
  const { cli, account, signal, desktop, all } = demo
  const command = (line: string): string => commandOf(cli, desktop, `memory conflicts ${line}`)
  await account.command('')
  await account.note('It is yours to settle. In another terminal, as the desktop:')
  await account.command('')
  await account.command(`  ${command(`show ${conflict.id}`)}`)
  await account.command(`  ${command(`resolve ${conflict.id} local`)}     # or remote, both, --value TEXT`)
  await account.command('')
  await account.note('The demo goes on when it is settled. Ctrl-C ends it and removes everything.')
  while ((await contestedDevices(all, signal)) === all.length) {
    await wait(POLL_INTERVAL_MS, undefined, { signal })
  }
  await account.command('')
}

async function deliver({ account, signal, all, tablet, laptop }: Demo): Promise<void> {
  await account.step('The guard delivers, and the agent writes back through what it was given')
  const results: GuardResult[] = []
  for (const each of all) results.push(await runAgent(each, DOCS, signal))
  await account.claim(
    results.every((each) => each.state === 'delivered' && each.memories > 1),
    `agents run in ${DOCS} again, on all three devices`,
    results.map(outcome)
  )
  const path = `${DOCS}/reviews/latest`
  const { session } = tablet
  const written = await session.call(
    'guard.check',
    { agent: 'reviewer', scope: DOCS, keys: [CONTESTED], writeTo: path },
    { signal }
  )
  await account.claim(
    written.state === 'delivered' && written.written !== undefined,
    'an agent on the tablet wrote its answer through its SafeMemoryContext',
    outcome(written)
  )
  await syncAll(all, signal)
  let author: string | undefined
  for await (const { version } of laptop.session.stream('memory.history', { path }, { signal })) {
    author = `${version.agent} on ${version.deviceName}`
    break
  }
  await account.claim(
    author === 'reviewer on tablet',
    'the laptop reads it, and who wrote it: reviewer on tablet'
  )
}

async function keepPrivate({ account, signal, laptop, tablet, desktop, all, canary }: Demo): Promise<void> {
  await account.step("The desktop's private memory is nowhere else")
  const path = `${DOCS}/${canary.path}`
  const own = await desktop.session.call('memory.get', { path, domain: 'private' }, { signal })
  await account.claim(own.state === 'value' && own.value === canary.value, 'the desktop reads it')
  const strangers = [laptop, tablet]
  for (const each of strangers) {
    const answers = await everythingItAnswers(each, canary, signal)
    await account.claim(
      !answers.some((answer) => isInAnswer(canary, answer)),
      `no answer of ${each.device.name} holds it, in either domain`
    )
  }
  // Whatever was lost until here was lost before its node was asked to end.
  signal.throwIfAborted()
  await Promise.all(all.map(({ device }) => device.stop()))
  const texts = [canary.path, canary.value]
  for (const { device } of strangers) {
    const { files, size, hits } = await searchFiles(device.home, texts)
    await account.claim(
      files > 0 && size > 0 && hits.length === 0,
      `no file of ${device.name} holds it (${count(files, 'file')}, ${bytes(size)} searched)`
    )
  }
  const sealed = await searchFiles(desktop.device.home, [...texts, ON_DESKTOP])
  await account.claim(
    sealed.hits.length === 0,
    "no file of the desktop holds it, or any memory's text, in the clear"
  )
  const control = await searchFiles(desktop.device.home, [desktop.device.name])
  await account.claim(control.hits.length > 0, 'and the search does find what is there')
}

async function set({ session }: Running, path: string, value: string, signal: AbortSignal): Promise<void> {
  await session.call('memory.set', { path, value, contentType: 'text/plain' }, { signal })
}

/** Each device syncs with all it can reach. The first collects what everybody has; the others get it from there. */
async function syncAll(all: readonly Running[], signal: AbortSignal): Promise<void> {
  for (const { session } of all) {
    for await (const event of session.stream('memory.sync', {}, { signal })) {
      if (event.type === 'failed') {
        throw new CliError('CLI_DEMO_FAILED', `a sync with ${event.peer} failed: ${event.message}`)
      }
    }
  }
}

async function publicMemories({ session }: Running, signal: AbortSignal): Promise<readonly unknown[]> {
  const memories: unknown[] = []
  for await (const { read } of session.stream('memory.list', { domain: 'public' }, { signal })) {
    memories.push([read.path, read.state === 'value' ? read.value : read.state])
  }
  return memories
}

async function valueAt({ session }: Running, signal: AbortSignal): Promise<string | undefined> {
  const read = await session.call('memory.get', { path: CONTESTED }, { signal })
  return read.state === 'value' ? String(read.value) : undefined
}

async function conflictsOf({ session }: Running, signal: AbortSignal): Promise<readonly Conflict[]> {
  const conflicts: Conflict[] = []
  for await (const conflict of session.stream('conflicts.list', {}, { signal })) conflicts.push(conflict)
  return conflicts
}

async function openConflicts(all: readonly Running[], signal: AbortSignal): Promise<number> {
  const found = await Promise.all(all.map((each) => conflictsOf(each, signal)))
  return found.reduce((sum, conflicts) => sum + conflicts.length, 0)
}

async function contestedDevices(all: readonly Running[], signal: AbortSignal): Promise<number> {
  const found = await Promise.all(all.map((each) => conflictsOf(each, signal)))
  return found.filter((conflicts) => conflicts.length > 0).length
}

async function runAgent({ session }: Running, scope: string, signal: AbortSignal): Promise<GuardResult> {
  return session.call('guard.check', { agent: 'reviewer', scope }, { signal })
}

/** What of an agent's run is worth telling when it was not as expected. */
function outcome(result: GuardResult): unknown {
  return result.state === 'delivered' ? { ...result, output: undefined } : result
}

/** Whatever a device will say about the scope, asked for the canary by name as well. */
async function everythingItAnswers(
  running: Running,
  canary: Canary,
  signal: AbortSignal
): Promise<readonly unknown[]> {
  const { session } = running
  const path = `${DOCS}/${canary.path}`
  const answers: unknown[] = [await runAgent(running, DOCS, signal)]
  const listed: MemoryItem[] = []
  for await (const item of session.stream('memory.list', {}, { signal })) listed.push(item)
  answers.push(listed)
  for await (const hit of session.stream('memory.search', { query: canary.value }, { signal }))
    answers.push(hit)
  for (const domain of ['public', 'private'] as const) {
    // The answer names the path it was asked for, so only what it found there counts.
    const read = await session.call('memory.get', { path, domain }, { signal })
    if (read.state !== 'absent') answers.push(read)
    for await (const item of session.stream('memory.history', { path, domain }, { signal }))
      answers.push(item)
  }
  return answers
}

/** Whether something comes to hold in time. */
async function until(holds: () => Promise<boolean>, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + GOSSIP_TIMEOUT_MS
  while (performance.now() < deadline) {
    if (await holds()) return true
    await wait(POLL_INTERVAL_MS, undefined, { signal })
  }
  return false
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
