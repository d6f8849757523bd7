import assert from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AgentExecutor, ConflictGuard, keyFile, openMemory } from 'cis-memory'

const directory = await mkdtemp(join(tmpdir(), 'cis-guard-'))
await using memory = await openMemory({ directory, key: keyFile(join(directory, 'key')), scope: '/acme/web' })
await memory.public.put('config/timeout', 30)

await using guard = new ConflictGuard(memory)
// Fails with GUARD_CONFLICT_PENDING while anything in the scope is contested; the message ends with what to run.
await using context = await guard.checkAndCreateContext({
  agent: 'reviewer',
  scope: 'config',
  select: { keys: ['timeout'], query: 'deploy', limit: 20 }
})

const answer = await new AgentExecutor(guard).execute(async (given) => {
  const prompt = given.render() // each memory delimited, and labelled with who wrote it
  await given.put('timeout', 60) // CORE_STALE_BASE rather than replace what this agent was not shown
  return prompt
}, context)
assert.match(answer, /<memory path="\/acme\/web\/config\/timeout" .*>\n\| 30\n<\/memory>/)

// Step by step, with nothing to build before the check:
const checked = await guard.context().agent('reviewer').scope('config').checkConflicts()
assert.equal(checked.build().get('timeout')?.value, 60)
