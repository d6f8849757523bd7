// How fast are acknowledged, fsynced puts and warm gets, against what they cannot do without?
import { generateKeyPairSync, sign } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { inFlight, median, report, timed } from './support/measure.mjs'
import { founder, value, workspace } from './support/replicas.mjs'

const ROUNDS = 5
const PUTS_ALONE = 200
const PUTS_TOGETHER = 3200
const GETS = 4000

const place = await workspace()
const { memory } = await founder(await place.store('a'))
const rows = (await place.store('limit')).partition('public')
const { privateKey } = generateKeyPairSync('ed25519')
const message = new Uint8Array(150)
const file = await open(join(place.directory, 'fsync'), 'w')
const figures = { limit: [], alone: [], together: [], row: [], get: [] }
const persecond = (count, ms) => (count / ms) * 1000

for (let round = 0; round < ROUNDS; round++) {
  figures.limit.push(
    persecond(
      PUTS_ALONE,
      await timed(async () => {
        for (let i = 0; i < PUTS_ALONE; i++) {
          sign(null, message, privateKey)
          await file.write(message)
          await file.datasync()
        }
      })
    )
  )
  figures.alone.push(
    persecond(
      PUTS_ALONE,
      await timed(async () => {
        for (let i = 0; i < PUTS_ALONE; i++) await memory.public.put(`alone/${round}/${i}`, value(i))
      })
    )
  )
  const together = await timed(() =>
    inFlight(64, PUTS_TOGETHER, (i) => memory.public.put(`together/${round}/${i}`, value(i)))
  )
  figures.together.push(persecond(PUTS_TOGETHER, together))

  const keys = Array.from({ length: GETS }, (_, i) => Buffer.from(`${round}/${i}`))
  await rows.write(keys.map((key) => ({ type: 'put', key, value: new Uint8Array(600) })))
  figures.row.push(
    persecond(
      GETS,
      await timed(async () => {
        for (const key of keys) await rows.get(key)
      })
    )
  )
  figures.get.push(
    persecond(
      GETS,
      await timed(async () => {
        for (let i = 0; i < GETS; i++) await memory.public.get(`together/${round}/${i % PUTS_TOGETHER}`)
      })
    )
  )
}

const against = (name, limit) => median(figures[name]) / median(figures[limit])
report('Acknowledged puts of 250 bytes, each on disk before it counts', [
  { name: 'limit: one signature and one fdatasync', figures: figures.limit, unit: '/s' },
  { name: 'put, one after the other', figures: figures.alone, unit: '/s', ratio: against('alone', 'limit') },
  { name: 'put, 64 in flight', figures: figures.together, unit: '/s', ratio: against('together', 'limit') }
])
report('Warm gets', [
  { name: 'limit: one sealed row of the store', figures: figures.row, unit: '/s' },
  { name: 'get', figures: figures.get, unit: '/s', ratio: against('get', 'row') }
])
await file.close()
await place.close()
