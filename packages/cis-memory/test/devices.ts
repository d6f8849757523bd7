import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import {
  type CisSession,
  type InviteEvent,
  initHome,
  joinHome,
  openSession,
  type SyncEvent
} from '../src/index.ts'
import { temporaryDirectory } from './temporary.ts'

/** A device of a space: its home, and a session on `/acme/web` that has its store open. */
export interface Device {
  readonly home: string
  readonly session: CisSession
}

const LOOPBACK = ['/ip4/127.0.0.1/tcp/0']

/** Two devices of one space, joined over real connections on this machine. */
export async function twoDevices(
  listen: readonly string[] = LOOPBACK
): Promise<[laptop: Device, desktop: Device]> {
  const directory = await temporaryDirectory()
  const homes = { laptop: join(directory, 'laptop'), desktop: join(directory, 'desktop') }
  await initHome({ home: homes.laptop, space: 'team', device: 'laptop', listen })
  const laptop = await openDevice(homes.laptop)
  const invitation = laptop.session.stream('invite', {})
  const { code } = (await invitation.next()).value as InviteEvent & { type: 'code' }
  await invitation.return?.()
  await joinHome({ home: homes.desktop, code, device: 'desktop', listen: LOOPBACK })
  return [laptop, await openDevice(homes.desktop)]
}

export async function openDevice(home: string): Promise<Device> {
  const session = await openSession({ home, scope: '/acme/web' })
  onTestFinished(() => session.close())
  return { home, session }
}

/** Syncs one device with the others and answers what was told. */
export async function sync(device: Device, args: object = {}): Promise<SyncEvent[]> {
  return collect(device.session.stream('memory.sync', args))
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Two devices that have written at one path without having seen each other, and know of it. */
export async function contested(): Promise<{ laptop: Device; desktop: Device; id: string }> {
  const [laptop, desktop] = await twoDevices()
  await laptop.session.call('memory.set', { path: 'config/timeout', value: 30 })
  await sync(desktop)
  await laptop.session.call('memory.set', { path: 'config/timeout', value: 60, agent: 'tuner' })
  await desktop.session.call('memory.set', { path: 'config/timeout', value: 90 })
  await sync(desktop)
  const [conflict] = await collect(laptop.session.stream('conflicts.list', {}))
  return { laptop, desktop, id: conflict!.id }
}
