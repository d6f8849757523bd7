import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { homeAt, keyFile, type Memory, openMemory } from 'cis-memory'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runAgent } from '../src/agent.ts'
import { runGuarded } from '../src/guarded.ts'
import { startScriptedModel } from '../src/scripted-model.ts'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))

/** Conflicts have other names each time. */
function withoutIds(text: string): string {
  return text.replace(/\b[a-z2-7]{12}\b/g, 'ID')
}

async function openTemporary(): Promise<Memory> {
  const directory = await mkdtemp(join(tmpdir(), 'cis-agent-test-'))
  const memory = await openMemory({ directory, key: keyFile(homeAt(directory).keyFile), scope: '/acme/web' })
  onTestFinished(async () => {
    await memory.close()
    await rm(directory, { recursive: true, force: true })
  })
  return memory
}

describe('the guarded agent', () => {
  it('tells the story that its README shows', async () => {
    const readme = await readFile(join(FOLDER, 'README.md'), 'utf8')
    const [, shown] = /^```text\n([\s\S]*?)^```/m.exec(readme) ?? []
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(FOLDER, 'dist', 'main.js')])
    expect({ stdout: withoutIds(stdout), stderr }).toEqual({ stdout: withoutIds(shown!), stderr: '' })
  })

  it('has the three lines that its README shows', async () => {
    const source = await readFile(join(FOLDER, 'src', 'guarded.ts'), 'utf8')
    const readme = await readFile(join(FOLDER, 'README.md'), 'utf8')
    const numbered = (text: string): string[] => text.split('\n').filter((line) => / \/\/ [123]$/.test(line))
    expect(numbered(readme)).toEqual(numbered(source).map((line) => line.trim()))
    expect(numbered(readme)).toHaveLength(3)
  })

  it('is told when somebody has written meanwhile what it wants to replace', async () => {
    const memory = await openTemporary()
    await memory.public.put('deploy/day', 'We deploy on Tuesdays.')
    let thoughts = 0
    await using model = await startScriptedModel(async () => {
      thoughts++
      if (thoughts === 2) await memory.public.put('release/plan', 'There is none this week.')
    })
    const { baseUrl } = model
    const results: string[] = []
    const onCall = (_name: string, _args: string, result: string) => results.push(result)
    await runGuarded(
      memory,
      (context, { signal }) => runAgent('Plan it.', context, { baseUrl, signal, onCall }),
      () => {}
    )
    expect(results[1]).toContain('nothing was written')
    expect(await memory.public.get('release/plan')).toMatchObject({ value: 'There is none this week.' })
  })
})
