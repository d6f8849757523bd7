/** Runs abstract-level's own suite over SealedLevel, as TAP on standard output. Needs the built package. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import suite from 'abstract-level/test/index.js'
import test from 'tape'
import { SealingKey } from '../../dist/index.js'
import { RowSealer } from '../../dist/level/row-sealer.js'
import { SealedLevel } from '../../dist/level/sealed-level.js'

const root = mkdtempSync(join(tmpdir(), 'cis-abstract-level-'))
const sealer = new RowSealer(randomBytes(16), new SealingKey(randomBytes(32)))
let count = 0

suite({ test, factory: (options) => new SealedLevel(join(root, String(count++)), sealer, options) })
test.onFinish(() => rmSync(root, { recursive: true, force: true }))
