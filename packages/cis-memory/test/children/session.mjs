/**
 * Opens a session on a home, says how, and asks what each line of its input says:
 * session.mjs <home> <scope>, lines ["call" | "stream", name, arguments] or "close".
 * Answers each with a line ["ok", value] or ["error", { name, code, path, … }].
 */
import { createInterface } from 'node:readline'
import { openSession } from '../../dist/index.js'

const [home, scope] = process.argv.slice(2)
const say = (...line) => console.log(JSON.stringify(line))

const session = await openSession({ home, scope })
say('ready', session.via)
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'close') break
  const [kind, name, args] = JSON.parse(line)
  try {
    if (kind === 'call') say('ok', await session.call(name, args), session.via)
    else say('ok', await collect(session.stream(name, args)), session.via)
  } catch (error) {
    say('error', { ...error, name: error.name, code: error.code, message: error.message })
  }
}
await session.close()

async function collect(items) {
  const all = []
  for await (const item of items) all.push(item)
  return all
}
