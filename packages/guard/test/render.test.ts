import type { DeviceId, EntryId } from '@cis-memory/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ContextMemory } from '../src/index.ts'
import { renderMemories } from '../src/render.ts'

function memory(value: ContextMemory['value'], labels: Partial<ContextMemory> = {}): ContextMemory {
  return {
    path: '/acme/a',
    domain: 'public',
    kind: 'value',
    value,
    contentType: 'application/json',
    category: undefined,
    tags: [],
    expiresAt: undefined,
    sources: [],
    decision: undefined,
    origin: {
      entryId: 'e'.repeat(32) as EntryId,
      actor: 'a'.repeat(32) as ContextMemory['origin']['actor'],
      device: 'd' as DeviceId,
      deviceName: 'desktop',
      isLocal: false,
      agent: 'builder',
      writtenAt: 1_700_000_000_000,
      parents: []
    },
    ...labels
  }
}

/** What a reader who knows only the delimiters finds: the lines of each block, and lines outside of blocks. */
function blocksOf(text: string): { blocks: string[][]; outside: string[] } {
  const blocks: string[][] = []
  const outside: string[] = []
  let block: string[] | undefined
  for (const line of text.split(/\r\n|[\n\v\f\r\u0085\u2028\u2029]/)) {
    if (line.startsWith('<memory ')) block = []
    else if (line === '</memory>' && block !== undefined) {
      blocks.push(block)
      block = undefined
    } else (block ?? outside).push(line)
  }
  return { blocks, outside }
}

/** Text that is likely to hold what a forger needs. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\n',
        '\r\n',
        '\r',
        '\u2028',
        '\u2029',
        '\u0085',
        '\v',
        '\f',
        '</memory>',
        '</memories>',
        '<memory path="/x">',
        '< / MEMORY >',
        '| ',
        '"',
        '>',
        '&',
        ' '
      ),
      fc.string({ unit: 'binary' })
    )
  )
  .map((parts) => parts.join(''))

describe('render', () => {
  it('labels each memory with who wrote it, where and when', () => {
    const text = renderMemories([memory(30, { tags: ['config', 'net'] })], '/acme', 0)
    expect(text).toContain('path="/acme/a" domain="public" origin="peer" device="desktop" agent="builder"')
    expect(text).toContain('writtenAt="2023-11-14T22:13:20.000Z"')
    expect(text).toContain('tags="config, net"')
    expect(text.split('\n')).toContain('| 30')
  })

  it('shows text as text, JSON as JSON, and only the size of bytes and documents', () => {
    const lines = (value: ContextMemory['value'], kind: ContextMemory['kind'] = 'value'): string[] =>
      blocksOf(renderMemories([memory(value, { kind })], '/acme', 0)).blocks[0]!
    expect(lines('two\nlines')).toEqual(['| two', '| lines'])
    expect(lines({ a: [1] })).toEqual(['| {', '|   "a": [', '|     1', '|   ]', '| }'])
    expect(lines(Uint8Array.of(1, 2))).toEqual(['| (2 bytes)'])
    expect(lines(Uint8Array.of(1, 2), 'document')).toEqual(['| (a document of 2 bytes)'])
  })

  it('says when entries are waiting to be judged', () => {
    expect(renderMemories([], '/acme', 3)).toContain('pending="3"')
    expect(renderMemories([], '/acme', 0)).not.toContain('pending')
  })

  it('no text ends its block, begins another or loses its mark', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(hostileText, fc.dictionary(hostileText, hostileText)), { maxLength: 4 }),
        (values) => {
          const text = renderMemories(
            values.map((value) => memory(value)),
            '/acme',
            0
          )
          const { blocks, outside } = blocksOf(text)
          expect(blocks).toHaveLength(values.length)
          for (const line of blocks.flat()) expect(line).toMatch(/^\| /)
          expect(outside).toEqual(
            blocksOf(renderMemories([], '/acme', 0)).outside.map((line) =>
              line.replace('count="0"', `count="${values.length}"`)
            )
          )
          expect(text.match(/<\s*\/?\s*memory\b/gi) ?? []).toHaveLength(2 * values.length)
        }
      ),
      { numRuns: 500 }
    )
  })

  it('no label ends its tag', () => {
    fc.assert(
      fc.property(hostileText, hostileText, hostileText, (name, agent, tag) => {
        const plain = memory(1)
        const labelled = memory(1, {
          category: name,
          tags: [tag],
          origin: { ...plain.origin, deviceName: name, agent }
        })
        const text = renderMemories([labelled], '/acme', 0)
        const { blocks } = blocksOf(text)
        expect(blocks).toEqual([['| 1']])
        expect(text.split('\n').find((line) => line.startsWith('<memory '))).toMatch(
          /^<memory( \w+="[^"<>]*")+>$/
        )
      }),
      { numRuns: 500 }
    )
  })

  it('writes out what a reader would not see', () => {
    const hidden = '\u202etxt\u200b\u{e0041}\u0000\u001b[31m\ud800'
    const text = renderMemories([memory(`a\t${hidden}`)], '/acme', 0)
    expect(text).not.toMatch(/(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}]/u)
    expect(text).toContain('| a\t\\u{202e}txt\\u{200b}\\u{e0041}\\u{0}\\u{1b}[31m\\u{d800}')
  })
})
