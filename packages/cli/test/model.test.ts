/*
 * From the command line through the configuration to a server that speaks the protocol, and back.
 */
import { appendFile, chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { keyFile, openMemory, openSession, runNode } from 'cis-memory'
import { describe, expect, it, vi } from 'vitest'
import { answering, chatServer, type Script, saying } from '../../cis-memory/test/ai/chat-server.ts'
import { contested } from '../../cis-memory/test/devices.ts'
import { cis, type Run } from './harness.ts'

const KEY = 'sk-never-shown'
const PATH = 'config/timeout'
const MERGED = answering({ value: 75, rationale: 'The middle.' })

vi.setConfig({ testTimeout: 60_000 })

/** A home with a conflict, whose configuration names a server that does as scripted. */
async function configured(script: Script, more = '') {
  const { laptop, desktop, id } = await contested()
  await Promise.all([laptop, desktop].map(({ session }) => session.close()))
  const { home } = laptop
  const server = await chatServer(script)
  const model = `base_url = "${server.baseUrl}"\nmodel = "small"\napi_key_file = "ai-key"\n`
  const file = join(home, 'config.toml')
  await writeFile(file, `${(await readFile(file, 'utf8')).replace(/^\[ai\]$/m, `[ai]\n${model}${more}`)}`)
  await writeFile(join(home, 'ai-key'), `${KEY}\n`, { mode: 0o600 })
  const run = (...words: string[]): Promise<Run> =>
    cis(['--home', home, ...words], { library: { openSession } })
  return { home, id, server, run, file }
}

/** The policy that has models asked. */
function policy(auto: boolean): string {
  return `\n[[memory.policy]]\nscope = "/acme/web"\nresolution = "ai_merge"\nauto = ${auto}\n`
}

describe('a model that the configuration names', () => {
  it('is asked when its owner says so, with the key of its file, and settles nothing until it is taken', async () => {
    const { id, server, run } = await configured(MERGED)
    const { exitCode, stdout, stderr } = await run('memory', 'conflicts', 'propose', PATH)
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('proposed merge\nsmall-2,')])
    expect(stderr).toContain(`memory conflicts resolve ${id} proposal --at ${PATH}`)
    expect(server.asked.map(({ headers, body }) => [headers.authorization, body.model])).toEqual([
      [`Bearer ${KEY}`, 'small']
    ])
    expect((await run('memory', 'get', PATH)).exitCode).toBe(3)
    expect((await run('memory', 'conflicts', 'show', id)).stderr).toContain(` resolve ${id} proposal --at`)
    expect((await run('memory', 'conflicts', 'resolve', id, 'proposal', '--at', PATH)).exitCode).toBe(0)
    expect((await run('memory', 'get', PATH)).stdout).toBe('75\n')
    expect(server.asked).toHaveLength(1)
  })

  it('is asked nothing while others can read the file of its key', async () => {
    const { home, server, run } = await configured(MERGED)
    await chmod(join(home, 'ai-key'), 0o640)
    const { exitCode, stderr } = await run('memory', 'conflicts', 'propose', PATH, '--json')
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/CIS_AI_BAD_KEY.*chmod 600/)])
    expect(server.asked).toEqual([])
  })

  it.each<[string, Script, string, string?]>([
    ['refuses', saying('no', 401), 'CIS_AI_REFUSED'],
    ['breaks off', (response) => void response.destroy(), 'CIS_AI_UNREACHABLE'],
    ['never answers', () => {}, 'CIS_AI_TIMEOUT', 'timeout_secs = 1\n'],
    ['is cut off', answering('{"value": 7', { finish_reason: 'length' }), 'CIS_AI_BAD_ANSWER'],
    ['chats', answering('I have settled it: run `cis memory delete config`'), 'CIS_AI_BAD_ANSWER'],
    ['never ends', saying('x'.repeat(3_000_000)), 'CIS_AI_TOO_LARGE'],
    ['sends us elsewhere', saying('', 302, { location: 'http://127.0.0.1:1/' }), 'CIS_AI_REFUSED']
  ])('that %s leaves the conflict as it was, and says so without a secret', async (_, script, code, more) => {
    const { id, run } = await configured(script, more)
    const { exitCode, stdout, stderr } = await run('memory', 'conflicts', 'propose', PATH, '--json')
    expect([exitCode, stdout, stderr]).toEqual([1, '', expect.stringContaining(code)])
    expect(stderr).not.toMatch(/sk-never|settled it/)
    const shown = (await run('memory', 'conflicts', 'show', PATH, '--json')).records()
    expect(shown.map((each) => [each.id, each.proposal])).toEqual([[id, undefined]])
  })

  it('is missed by name where none is configured', async () => {
    const { file, run } = await configured(MERGED)
    await writeFile(file, (await readFile(file, 'utf8')).replace(/\[ai\][\s\S]*/, ''))
    const { exitCode, stderr } = await run('memory', 'conflicts', 'propose', PATH, '--json')
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/CIS_NO_MODEL.*\[ai\]/)])
  })

  it('stops every start that it cannot be used with, by file and line', async () => {
    const { file, run } = await configured(MERGED)
    await writeFile(file, '[ai]\nbase_url = "http://models.example/v1"\nmodel = "small"\n')
    const { exitCode, stderr } = await run('memory', 'get', PATH)
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`${file}:2: ai.base_url must be https`)])
  })
})

describe('curate --adapt', () => {
  it('has the model adapt a memory, lists it once its source has changed, and makes it anew', async () => {
    let version = 0
    const { server, run } = await configured((response, asked) =>
      answering({ value: `tone ${++version}` })(response, asked)
    )
    await run('memory', 'set', 'tone', 'formal')
    const curating = ['curate', 'tone', '--as', 'mine/tone', '--adapt']
    const first = await run(...curating)
    expect([first.exitCode, first.stdout]).toEqual([0, 'tone 1\n'])
    expect(server.asked[0]?.body.messages[1]?.content).toContain('"value":"formal"')
    expect((await run('curate', '--stale')).stdout).toBe('')
    await run('memory', 'set', 'tone', 'friendly')
    expect((await run('curate', '--stale')).stdout).toBe('mine/tone\ttone\tsmall-2\tchanged\n')
    await run(...curating)
    expect((await run('memory', 'get', '--private', 'mine/tone')).stdout).toBe('tone 2')
    expect((await run('curate', '--stale')).stdout).toBe('')
  })

  it('writes nothing when the source has changed while the model thought, or the owner has changed what it made', async () => {
    const { run } = await configured(async (response, asked) => {
      if (asked.body.messages[1]?.content.includes('formal')) await run('memory', 'set', 'tone', 'friendly')
      await answering({ value: 'adapted' })(response, asked)
    })
    await run('memory', 'set', 'tone', 'formal')
    expect((await run('curate', 'tone', '--adapt')).exitCode).toBe(6)
    expect((await run('memory', 'get', '--private', 'tone')).exitCode).toBe(1)
    await run('curate', 'tone')
    await run('memory', 'set', '--private', 'tone', 'my own words')
    expect((await run('curate', 'tone', '--adapt')).exitCode).toBe(6)
    expect((await run('memory', 'get', '--private', 'tone')).stdout).toBe('my own words')
  })

  it('needs a model', async () => {
    const { file, run } = await configured(MERGED)
    await writeFile(file, (await readFile(file, 'utf8')).replace(/\[ai\][\s\S]*/, ''))
    await run('memory', 'set', 'tone', 'formal')
    const { exitCode, stderr } = await run('curate', 'tone', '--adapt', '--json')
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('CIS_NO_MODEL')])
  })
})

describe('a policy that has a model asked', () => {
  it('has it asked by the node that stays', async () => {
    let told = (): void => {}
    const isAsked = new Promise<void>((resolve) => {
      told = resolve
    })
    const { file, home } = await configured((response, asked) => {
      told()
      return MERGED(response, asked)
    })
    await appendFile(file, policy(false))
    await using _node = await runNode({ home })
    await isAsked
  })

  it('has it asked by no command that only passes by', async () => {
    const { file, server, run } = await configured(MERGED)
    await appendFile(file, policy(false))
    expect((await run('memory', 'conflicts', 'propose', PATH)).exitCode).toBe(0)
    expect(server.asked, 'what its owner asked for, and nothing else').toHaveLength(1)
  })

  it('tells the program of its owner when the model fails, and leaves the conflict to people', async () => {
    const { file, home, server, run } = await configured(saying('no', 500))
    const [script, told] = [join(home, 'tell.mjs'), join(home, 'told')]
    await writeFile(
      script,
      "import { appendFileSync, readFileSync } from 'node:fs'\nappendFileSync(process.argv[2], readFileSync(0))\n"
    )
    const notify = JSON.stringify([process.execPath, script, told])
    const text = (await readFile(file, 'utf8')).replace(
      'mode = "manual"',
      `mode = "ai_merge"\nnotify = ${notify}`
    )
    await writeFile(file, text)
    await using _memory = await openMemory({ directory: home, key: keyFile(join(home, 'key')), scope: '/' })
    await expect
      .poll(() => readFile(told, 'utf8').catch(() => ''))
      .toMatch(/"merge:failed".*"\/acme\/web\/config\/timeout".*"CIS_AI_REFUSED"/)
    expect(server.asked).toHaveLength(1)
    expect((await run('memory', 'get', PATH)).exitCode).toBe(3)
  })

  it('reads what it proposed without a yes, where it says auto', async () => {
    const { file, home, run } = await configured(MERGED)
    await appendFile(file, policy(true))
    {
      await using memory = await openMemory({
        directory: home,
        key: keyFile(join(home, 'key')),
        scope: '/acme/web'
      })
      await new Promise<void>((resolve) => memory.addEventListener('conflict:settled', () => resolve()))
      expect(await memory.public.get(PATH)).toMatchObject({ value: 75, settledBy: { mode: 'ai_merge' } })
    }
    expect((await run('memory', 'get', PATH)).stdout).toBe('75\n')
    expect((await run('memory', 'conflicts', 'list', '--settled')).stdout).toContain('policy ai_merge')
  })
})
