/**
 * The line of a key in a TOML text, counted from 1, or of its table when the key is not there. Positions in lists are
 * steps of a key as well: `['memory', 'policy', '1', 'mode']`. Reads the plain shapes people write (tables, arrays of
 * tables, dotted keys) and answers 1 for anything else: the parser has judged the text already, so a wrong guess only
 * misplaces a message.
 */
export function lineOfKey(text: string, key: readonly string[]): number {
  let table: readonly string[] = []
  let best = { depth: 0, line: 1 }
  const tablesOf = new Map<string, number>()
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*(\[\[?)\s*([^\]]+?)\s*\]/.exec(line)
    const pair =
      header === null ? /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[\w"'-]+)*)\s*=/.exec(line) : null
    let named: readonly string[]
    if (header?.[2] !== undefined) {
      named = table = segments(header[2])
      if (header[1] === '[[') {
        const position = tablesOf.get(header[2]) ?? 0
        tablesOf.set(header[2], position + 1)
        named = table = [...table, String(position)]
      }
    } else if (pair?.[1] !== undefined) named = [...table, ...segments(pair[1])]
    else continue
    if (named.some((segment, i) => segment !== key[i])) continue
    if (named.length > best.depth) best = { depth: named.length, line: index + 1 }
  }
  return best.line
}

function segments(dotted: string): readonly string[] {
  return dotted.split('.').map((segment) => segment.trim().replace(/^(["'])(.*)\1$/, '$2'))
}
