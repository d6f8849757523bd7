/*
 * Remembers what pure functions of node:crypto have answered. The same keys are made, and the same signatures made and
 * checked, on very many paths; production code asks as often as ever.
 */
import crypto, { type KeyObject } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

/** More than one exploration comes to. Beyond it everything is asked again. */
const MAX_ANSWERS = 200_000

type Bytes = Uint8Array | Buffer
type Asked = (...asked: never[]) => unknown

const names = new WeakMap<object, string>()
let keyCount = 0

export function rememberCrypto(): void {
  const patched = crypto as unknown as Record<string, Asked>
  for (const name of ['createPrivateKey', 'createPublicKey', 'sign', 'verify', 'hkdfSync']) {
    const ask = patched[name] as Asked
    const answers = new Map<string, unknown>()
    patched[name] = (...asked) => {
      const question = asked.map(textOf).join()
      const known = answers.get(question)
      if (known !== undefined) return known
      const answer = ask(...asked)
      if (answers.size >= MAX_ANSWERS) answers.clear()
      answers.set(question, answer)
      return answer
    }
  }
  syncBuiltinESMExports()
}

function textOf(asked: Bytes | KeyObject | { readonly key: Bytes } | string | number | null): string {
  if (asked === null || typeof asked !== 'object') return String(asked)
  if (asked instanceof Uint8Array) return Buffer.from(asked).toString('latin1')
  if ('key' in asked) return textOf(asked.key)
  const name = names.get(asked) ?? `key ${keyCount++}`
  names.set(asked, name)
  return name
}
