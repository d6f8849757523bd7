import type { MemoryStore } from '@cis-memory/store'
import { expect, it } from 'vitest'
import { DeviceKey } from '../../src/index.ts'
import { invitationId } from '../../src/sync/invitation.ts'
import type { Joiner } from '../../src/sync/invitation-store.ts'
import { intercepted } from '../support/store-doubles.ts'
import { type Device, devices, openDevice } from '../support/world.ts'

it('an inviter that dies between marking an invitation as used and admitting the device stays open to that device alone', async () => {
  const [{ store: behind, runtime }] = (await devices(1)) as [Device & { readonly store: MemoryStore }]
  let isDying = false
  const store = intercepted(behind, async (partition, write) => {
    if (isDying && partition === 'public') throw new Error('dead')
    await write()
  })
  const inviter = await openDevice(store, runtime)
  const secret = runtime.random(32)
  const id = invitationId(secret)
  const expiresAt = runtime.nowMs + 3_600_000
  await inviter.replica.invitations.addInvitation({ id, secret, expiresAt })
  const [joiner, other] = [runtime.random(32), runtime.random(32)].map(
    (seed): Joiner => ({ device: new DeviceKey(seed).id, name: 'phone' })
  ) as [Joiner, Joiner]
  isDying = true
  await expect(inviter.replica.invitations.admit(id, joiner)).rejects.toThrow('dead')

  const { invitations } = (await openDevice(behind.copy(), runtime)).replica
  expect(await invitations.openUntil()).toBe(expiresAt)
  await expect(invitations.admit(id, other)).rejects.toMatchObject({ code: 'CORE_INVITATION_USED' })
  await invitations.admit(id, joiner)
  expect(await invitations.openUntil()).toBe(0)
})
