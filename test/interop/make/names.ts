import { conflictId } from '../../../packages/core/src/conflict/detect.ts'
import { fromHex, toHex } from '../../../packages/core/src/entry/bytes.ts'
import { deriveKey } from '../../../packages/core/src/entry/hash.ts'
import { PathTokens, parsePath } from '../../../packages/core/src/entry/path.ts'
import { DELETED } from '../../../packages/core/src/entry/payload.ts'
import type { EntryId } from '../../../packages/core/src/versions.ts'
import { type Case, run } from './case.ts'
import { contentKey, keys, SECRET, SPACE } from './cast.ts'

export function pathCases(): Case[] {
  const pathKey = run(0x60, 32)
  const tokens = new PathTokens(pathKey)
  return [
    ['one segment', '/a'],
    ['a scope', '/acme/web'],
    ['below the scope', '/acme/web/config'],
    ['beside the scope', '/acme/website'],
    ['the same name elsewhere', '/web'],
    ['typed in another normal form', '/cafe\u0301'],
    ['sixteen segments', '/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16']
  ].map(([name, typed]) => {
    const path = parsePath(typed as string)
    return {
      name: name as string,
      pathKey: toHex(pathKey),
      typed: typed as string,
      path,
      token: toHex(tokens.of(path))
    }
  })
}

export function invalidPathCases(): Case[] {
  const code = 'CORE_BAD_PATH'
  return [
    ['nothing', ''],
    ['relative', 'a'],
    ['an empty segment', '/a//b'],
    ['a slash at the end', '/a/'],
    ['a dot', '/./a'],
    ['two dots', '/a/..'],
    ['a space at the end', '/a '],
    ['a control character', '/a\u0007'],
    ['a line separator', '/a\u2028b'],
    ['a mark that turns text around', '/a\u202eb'],
    ['a soft hyphen', '/a\u00adb'],
    ['a zero-width space', '/a\u200bb'],
    ['a byte order mark', '/\ufeffa'],
    ['a blank letter', '/\u3164'],
    ['a tag', '/a\u{e0061}'],
    ['256 bytes in a segment', `/${'a'.repeat(256)}`],
    ['256 bytes in a segment once it is in NFC', `/${'\u{1d160}'.repeat(22)}`],
    ['17 segments', '/a'.repeat(17)]
  ].map(([name, text]) => ({ name: name as string, text: text as string, code }))
}

export function spaceKeyCases(): Case[] {
  const salt = fromHex(SPACE)
  return [
    {
      name: 'the keys of a space',
      secret: toHex(SECRET),
      space: SPACE,
      pathKey: toHex(deriveKey(SECRET, salt, 'cis/path/1')),
      contentKey: toHex(contentKey),
      contentKeyId: keys.contentKeyId,
      handshakeKey: toHex(keys.handshakeKey),
      topic: keys.topic
    }
  ]
}

export function conflictCases(): Case[] {
  const path = keys.tokens.of(parsePath('/acme/web/timeout'))
  const [a, b] = [toHex(run(0x01, 16)), toHex(run(0x80, 16))]
  const cases: readonly [name: string, versions: readonly { entryId: string; valueCount: number }[]][] = [
    [
      'two entries',
      [
        { entryId: a, valueCount: 1 },
        { entryId: b, valueCount: 1 }
      ]
    ],
    [
      'the same two, found in another order',
      [
        { entryId: b, valueCount: 1 },
        { entryId: a, valueCount: 1 }
      ]
    ],
    ['one entry of three values', [{ entryId: a, valueCount: 3 }]],
    [
      'two of three values and one',
      [
        { entryId: b, valueCount: 1 },
        { entryId: a, valueCount: 3 }
      ]
    ],
    ['an entry that cannot be opened counts as one value', [{ entryId: a, valueCount: 0 }]]
  ]
  return cases.map(([name, versions]) => {
    const live = versions.map(({ entryId, valueCount }) => ({
      entryId: entryId as EntryId,
      dot: entryId,
      alternatives: Array.from({ length: valueCount }, () => DELETED)
    }))
    return { name, path: toHex(path), versions, id: conflictId(path, live) }
  })
}
