import { stat } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { findDocuments } from '../../src/demo/documents.ts'

describe('the documents of the demo', () => {
  it('are there, in a checkout and elsewhere', async () => {
    const sources = await findDocuments()
    expect(sources.length).toBeGreaterThan(0)
    for (const source of sources) await expect(stat(source)).resolves.toBeDefined()
  })
})
