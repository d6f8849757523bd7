import { expect, it } from 'vitest'
import { parseAddress } from '../src/peer-id.ts'

const ADDRESS = '/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWGjMCNQNpTJrvUwcnwDbUpgbNbRhyMd4ZJPSJZRrQMgm7'

it('an address that is too long to be one is refused at once, and not shown whole', () => {
  expect(parseAddress(ADDRESS).device).toHaveLength(64)
  const start = process.cpuUsage()
  try {
    parseAddress(ADDRESS.repeat(2_000))
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({ code: 'TRANSPORT_BAD_ADDRESS' })
    expect((error as Error).message.length).toBeLessThan(400)
  }
  expect(process.cpuUsage(start).user).toBeLessThan(1_000_000)
})
