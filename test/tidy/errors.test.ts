import { describe, expect, it } from 'vitest'
import { type Complaint, type Files, lineOf, planted, readFiles } from './repository.ts'

const PAGE = 'docs/reference/errors.md'

/** A code as it stands in source: a whole string. */
const CODE_IN_SOURCE = /['"]((?:CLOCK|STORE|CORE|SYNC|TRANSPORT|GUARD|CLI|CIS)_[A-Z][A-Z_]*)['"]/g

/** A code as it stands in the page: a heading of its own. */
const CODE_IN_PAGE = /^#{2,4} `?([A-Z]+_[A-Z_]+)`?\s*$/gm

/** Strings that look like codes and are names of environment variables. */
const ENVIRONMENT_VARIABLES = new Set(['CIS_HOME', 'CIS_KEY', 'CIS_PASSPHRASE', 'CIS_SCOPE', 'CIS_SPACE'])

/** Every code in the sources, with the first place it stands. */
function codesInSource(sources: Files): Map<string, string> {
  const found = new Map<string, string>()
  for (const [path, text] of sources) {
    for (const match of text.matchAll(CODE_IN_SOURCE)) {
      const code = match[1]!
      const isKnown = found.has(code) || ENVIRONMENT_VARIABLES.has(code)
      if (!isKnown) found.set(code, `${path}:${lineOf(text, match.index)}`)
    }
  }
  return found
}

function checkErrors(sources: Files, page: string): Complaint[] {
  const inSource = codesInSource(sources)
  const inPage = [...page.matchAll(CODE_IN_PAGE)].map((match) => match[1]!)
  const complaints: Complaint[] = []
  for (const [code, where] of inSource) {
    if (!inPage.includes(code)) complaints.push(`${code} (${where}) is no heading in ${PAGE}`)
  }
  for (const [i, code] of inPage.entries()) {
    if (!inSource.has(code)) complaints.push(`${code} is a heading in ${PAGE}, but no source throws it`)
    if (inPage.indexOf(code) !== i) complaints.push(`${code} is a heading in ${PAGE} more than once`)
  }
  // A code without words under it helps nobody.
  for (const [, code, body] of page.matchAll(
    /^#{2,4} `?([A-Z]+_[A-Z_]+)`?\s*\n([\s\S]*?)(?=^#|(?![\s\S]))/gm
  )) {
    if ((body ?? '').trim().length < 40)
      complaints.push(`${code} in ${PAGE} does not say its cause and what to do`)
  }
  return complaints
}

describe('error codes', () => {
  it('every code in the sources is documented, and every documented code exists', () => {
    const page = readFiles(/^docs\/reference\/errors\.md$/).get(PAGE) ?? ''
    const complaints = checkErrors(readFiles(/^packages\/[^/]+\/src\/.*\.tsx?$/), page)
    expect(complaints.join('\n')).toBe('')
  })

  it('notices a code that is not documented, one that does not exist, and one without an explanation', () => {
    const sources = planted({
      'packages/core/src/a.ts': "throw new CoreError('CORE_NEW', 'x')\nconst home = env['CIS_HOME']"
    })
    const explained = 'Cause: it is new. What to do: wait until it is older.'
    expect(checkErrors(sources, '')).toEqual([`CORE_NEW (packages/core/src/a.ts:1) is no heading in ${PAGE}`])
    expect(checkErrors(sources, `## CORE_NEW\n\n${explained}\n\n### \`CORE_OLD\`\n\n${explained}\n`)).toEqual(
      [`CORE_OLD is a heading in ${PAGE}, but no source throws it`]
    )
    expect(checkErrors(sources, '## CORE_NEW\n\nToo short.\n')).toHaveLength(1)
    expect(checkErrors(sources, `## CORE_NEW\n\n${explained}\n`)).toEqual([])
  })
})
