import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { it } from 'vitest'

/** The suite of abstract-level 3.1 has more; far fewer would mean that it did not run. */
const MIN_ASSERTIONS = 5_000

it("passes abstract-level's own suite with sealed values", async () => {
  const script = fileURLToPath(new URL('suite.mjs', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script], { maxBuffer: 64 * 1024 * 1024 })
  const [, planned, passed] = /^# tests +(\d+)\n# pass +(\d+)$/m.exec(stdout) ?? []
  assert.equal(passed, planned)
  assert.ok(Number(passed) > MIN_ASSERTIONS, `expected more than ${MIN_ASSERTIONS} assertions, got ${passed}`)
}, 120_000)
