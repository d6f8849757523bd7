import { channelSuite } from '@cis-memory/core/compliance'
import { describe, test } from 'vitest'
import { DeviceKey } from '../../src/index.ts'
import { memoryChannelPair } from '../../src/sync/index.ts'

describe('memoryChannelPair', () => {
  const [nearDevice, farDevice] = [1, 2].map((seed) => new DeviceKey(new Uint8Array(32).fill(seed)).id) as [
    DeviceKey['id'],
    DeviceKey['id']
  ]
  channelSuite({
    test,
    create: async () => {
      const [near, far] = memoryChannelPair(nearDevice, farDevice)
      return { near, far, nearDevice, farDevice }
    }
  })
})
