import { inspect } from 'node:util'
import { APICallError } from 'ai'
import { MockLanguageModelV3 } from 'ai/test'
import { describe, expect, it } from 'vitest'
import { type Device, devices, syncAll } from '../../../core/test/support/world.ts'
import { languageModelCurator, languageModelMerger } from '../../src/ai.ts'

const SECRET = 'the cat is called Schnurri'

type Generated = Awaited<ReturnType<MockLanguageModelV3['doGenerate']>>

function generated(text: string, finishReason: Generated['finishReason']['unified'] = 'stop'): Generated {
  const none = { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined }
  return {
    content: [{ type: 'text', text }],
    finishReason: { unified: finishReason, raw: undefined },
    usage: { inputTokens: none, outputTokens: { total: undefined, text: undefined, reasoning: undefined } },
    warnings: []
  }
}

function modelThat(doGenerate: MockLanguageModelV3['doGenerate']): MockLanguageModelV3 {
  return new MockLanguageModelV3({ modelId: 'mock-1', doGenerate })
}

async function contested(): Promise<{ a: Device; id: string }> {
  const [a, b] = (await devices(2)) as [Device, Device]
  await a.memory.public.put('pets', SECRET, { contentType: 'text/plain' })
  await b.memory.public.put('pets', `${SECRET}!`, { contentType: 'text/plain' })
  await syncAll([a, b])
  return { a, id: (await a.memory.getConflict('pets')).id }
}

describe('a merger that asks a model of the AI SDK', () => {
  it('asks once, as any other model is asked', async () => {
    const { a, id } = await contested()
    const model = modelThat(async () => generated('{"value":"merged"}'))
    const proposal = await a.memory.proposeMerge(
      id,
      languageModelMerger(model, { instructions: 'Be brief.' })
    )
    expect(proposal).toMatchObject({ value: 'merged', model: 'mock-1', contentType: 'text/plain' })
    const [call] = model.doGenerateCalls
    expect(call?.prompt).toMatchObject([
      { role: 'system', content: expect.stringMatching(/Be brief\.$/) },
      { role: 'user', content: [{ type: 'text', text: expect.stringMatching(/^BEGIN DATA\n/) }] }
    ])
    expect(model.doGenerateCalls).toHaveLength(1)
  })

  it('judges the answer as any other, and what fails tells nothing of memory', async () => {
    const refusal = new APICallError({
      message: `no: ${SECRET}`,
      url: 'https://example.com',
      requestBodyValues: { prompt: SECRET },
      statusCode: 429,
      responseBody: SECRET
    })
    const cases: [string, MockLanguageModelV3['doGenerate']][] = [
      ['CIS_AI_BAD_ANSWER', async () => generated(`Sure: ${SECRET}`)],
      ['CIS_AI_BAD_ANSWER', async () => generated('{"value":"merged"}', 'length')],
      ['CIS_AI_BAD_ANSWER', async () => generated('{"value":"merged"}', 'content-filter')],
      ['CIS_AI_TOO_LARGE', async () => generated('x'.repeat(2 * 1024 * 1024 + 1))],
      ['CIS_AI_REFUSED', async () => Promise.reject(refusal)],
      ['CIS_AI_UNREACHABLE', async () => Promise.reject(new Error(`down, said ${SECRET}`))]
    ]
    for (const [code, doGenerate] of cases) {
      const { a, id } = await contested()
      const model = modelThat(doGenerate)
      const error = await a.memory
        .proposeMerge(id, languageModelMerger(model))
        .catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code })
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('Schnurri')
      expect(model.doGenerateCalls, 'nobody asked it twice').toHaveLength(1)
      expect(await a.memory.getProposal(id)).toBeUndefined()
    }
  })

  it('is given its time, and stops when its asker gives up', async () => {
    const { a, id } = await contested()
    const hanging = modelThat(
      ({ abortSignal }) =>
        new Promise((_, reject) => {
          abortSignal?.addEventListener('abort', () => reject(abortSignal.reason))
        })
    )
    await expect(
      a.memory.proposeMerge(id, languageModelMerger(hanging, { timeoutMs: 50 }))
    ).rejects.toMatchObject({ code: 'CIS_AI_TIMEOUT' })
    const controller = new AbortController()
    const asked = a.memory.proposeMerge(id, languageModelMerger(hanging), { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(asked).rejects.toThrow('enough')
  })

  it('curates as well', async () => {
    const { a } = await contested()
    await a.memory.public.put('tone', 'friendly')
    const curator = languageModelCurator(modelThat(async () => generated('{"value":"FRIENDLY"}')))
    await a.memory.curateFromPublic('tone', { mode: 'adapt', curator })
    expect(await a.memory.private.get('tone')).toMatchObject({
      value: 'FRIENDLY',
      version: { agent: 'mock-1' }
    })
  })
})
