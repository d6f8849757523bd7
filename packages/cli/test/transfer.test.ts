import type { ExportedMemory } from 'cis-memory/session'
import { describe, expect, it } from 'vitest'
import { cis, type Scene } from './harness.ts'

function memory(fields: Partial<ExportedMemory> = {}): ExportedMemory {
  return {
    type: 'memory',
    path: 'deploy/day',
    domain: 'public',
    kind: 'value',
    value: 'Tuesday',
    device: 'laptop',
    writtenAt: '2026-03-01T09:30:00.000Z',
    ...fields
  }
}

describe('memory export', () => {
  const exports = (found: readonly ExportedMemory[], given: unknown[] = []): Scene => ({
    library: {
      exportMemories: async function* (_, options) {
        given.push(options)
        yield* found
      }
    }
  })

  it('prints one object a line, whether JSON was asked for or not', async () => {
    const found = [memory(), memory({ path: 'a', domain: 'private' })]
    const given: unknown[] = []
    for (const argv of [['--json'], []]) {
      const { exitCode, records, stderr } = await cis(
        ['memory', 'export', 'deploy', ...argv],
        exports(found, given)
      )
      expect({ exitCode, records: records() }).toEqual({ exitCode: 0, records: found })
      expect(stderr).toBe(argv.length > 0 ? '' : 'Exported 2 memories.\n')
    }
    expect(given).toMatchObject([{ prefix: 'deploy', domain: undefined }, {}])
  })

  it('opens one domain alone when told to', async () => {
    const given: unknown[] = []
    const { opened } = await cis(['memory', 'export', '--public'], exports([], given))
    expect(opened).toMatchObject([{ domain: 'public' }])
    expect(given).toMatchObject([{ domain: 'public' }])
  })

  it('counts what is contested once, and ends with exit code 3', async () => {
    const versions = ['a', 'b'].map((value) => memory({ value, conflict: 'k7q2m4x9p3ab' }))
    const { exitCode, stderr } = await cis(['memory', 'export'], exports([memory(), ...versions]))
    expect(exitCode).toBe(3)
    expect(stderr).toContain('Exported 2 memories.\n1 of them is contested')
    expect(stderr).toContain('Next: cis memory conflicts list')
  })
})

describe('memory import', () => {
  const imports = (given: { source: unknown }[]): Scene => ({
    library: {
      importMemories: async function* (_, options) {
        given.push(options)
        yield { path: 'a', domain: 'private', outcome: 'created', code: undefined, done: 1 }
      }
    }
  })

  it('reads an export from a pipe, and puts each memory where it was', async () => {
    const given: { source: unknown }[] = []
    const { exitCode, stdout, opened } = await cis(['memory', 'import', '-'], {
      ...imports(given),
      stdin: '{}'
    })
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'created\tprivate\ta\n' })
    expect(opened).toMatchObject([{ domain: undefined }])
    const chunks: string[] = []
    const [{ source }] = given as [{ source: AsyncIterable<Uint8Array> }]
    for await (const chunk of source) chunks.push(String(chunk))
    expect(chunks).toEqual(['{}'])
  })

  it('waits for no pipe on a terminal', async () => {
    const { exitCode, stderr } = await cis(['memory', 'import', '-'], { ...imports([]), isTerminal: true })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('send an export through a pipe')
  })

  it('suggests after a dry run what would do it', async () => {
    const argv = ['memory', 'import', 'my notes', 'b', '--under', 'old', '--private', '--dry-run']
    const { stderr } = await cis(argv, imports([]))
    expect(stderr).toContain("Next: cis memory import 'my notes' b --private --under old\n")
  })
})
