/* Who the vectors are about: two devices of a space, with seeds and times that never change. */
import { timestamp } from '@cis-memory/clock'
import { fromHex } from '../../../packages/core/src/entry/bytes.ts'
import { DeviceKey } from '../../../packages/core/src/entry/ed25519.ts'
import { deriveKey } from '../../../packages/core/src/entry/hash.ts'
import { createEpoch, createGenesis, createMember } from '../../../packages/core/src/entry/records.ts'
import { deriveSpaceKeys } from '../../../packages/core/src/entry/space-keys.ts'
import { run } from './case.ts'

export const SEED = run(0x00, 32)
export const SECRET = run(0x40, 32)
export const RANDOM = run(0xc0, 24)
const NONCE = run(0xa0, 16)
export const HLC = timestamp((1_700_000_000_000n << 16n) | 7n)
export const laptop = new DeviceKey(SEED)
export const phone = new DeviceKey(run(0x20, 32))

export const genesis = createGenesis(laptop, 'acme', NONCE, HLC)
export const SPACE = genesis.space
export const member = createMember(laptop, SPACE, { device: phone.id, role: 'member', name: 'phone' }, HLC)
export const admin = createMember(laptop, SPACE, { device: laptop.id, role: 'admin', name: 'Läptop' }, HLC)
export const epoch = createEpoch(laptop, SPACE, 1, NONCE, undefined)
export const nextEpoch = createEpoch(laptop, SPACE, 2, run(0xb0, 16), epoch.actor)
export const phoneEpoch = createEpoch(phone, SPACE, 1, NONCE, undefined)
export const keys = deriveSpaceKeys(SECRET, fromHex(SPACE))
export const contentKey = deriveKey(SECRET, fromHex(SPACE), 'cis/content/1')
