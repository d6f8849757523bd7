/**
 * Ends this process at a chosen step of what it writes to the disk, as `kill -9` there would: nothing is flushed,
 * nobody is told. A step is one batch of rows, or one change to the files around them.
 */
import files from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { ClassicLevel } from 'classic-level'

let stepsLeft = Number.POSITIVE_INFINITY
let moment

/** Dies at the step after so many others: before it begins, while it is under way, or when it is done and nobody knows. */
export function doom({ steps, when }) {
  stepsLeft = steps
  moment = when
}

function die() {
  process.kill(process.pid, 'SIGKILL')
}

function asStep(act) {
  return async function (...args) {
    const isLast = stepsLeft-- === 0
    if (isLast && moment === 'before') die()
    const done = act.apply(this, args)
    // The work is with another thread by then.
    if (isLast && moment === 'during') setImmediate(die)
    try {
      return await done
    } finally {
      // A step that fails is one too: whoever waits for this death would wait in vain.
      if (isLast) die()
    }
  }
}

for (const name of ['_batch', '_open', '_clear']) {
  ClassicLevel.prototype[name] = asStep(ClassicLevel.prototype[name])
}
for (const name of ['link', 'mkdir', 'rename', 'rm', 'unlink', 'writeFile']) files[name] = asStep(files[name])
const { open } = files
const openToWrite = asStep(open)
files.open = (path, flags = 'r', ...others) => (flags === 'r' ? open : openToWrite)(path, flags, ...others)
syncBuiltinESMExports()
