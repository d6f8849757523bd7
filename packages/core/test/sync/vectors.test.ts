import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { fromHex } from '../../src/entry/bytes.ts'
import { decodeMessage, encodeMessage } from '../../src/sync/messages.ts'
import { vectors } from './vectors.ts'

const file = new URL('fixtures/vectors.json', import.meta.url)

describe('released bytes of the sync and join protocols', () => {
  it('never change', async () => {
    expect(vectors()).toEqual(JSON.parse(await readFile(file, 'utf8')))
  })

  it('are read and written again as they are', async () => {
    const { messages } = JSON.parse(await readFile(file, 'utf8')) as {
      messages: { type: string; frame: string }[]
    }
    for (const { type, frame } of messages) {
      const message = decodeMessage(fromHex(frame))
      expect(message.type).toBe(type)
      expect(Buffer.from(encodeMessage(message)).toString('hex')).toBe(frame)
    }
  })
})
