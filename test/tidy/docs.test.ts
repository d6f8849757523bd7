import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Complaint, type Files, lineOf, listPaths, planted, readFiles } from './repository.ts'

/** The parts of every package's README, in this order, after its title and a sentence on its purpose. */
const README_PARTS = ['Install', 'Example', 'Contract', 'API']

/** The same text with code blanked out, so that what is only shown is not taken for a link or a heading. */
function withoutCode(markdown: string): string {
  const blank = (code: string): string => code.replace(/[^\n]/g, ' ')
  return markdown.replace(/^(```+|~~~+)[\s\S]*?^\1/gm, blank).replace(/(`+)[^`\n]+?\1(?!`)/g, blank)
}

/** The anchors that GitHub gives the headings of a page. */
function anchors(markdown: string): Set<string> {
  const found = new Set<string>()
  for (const [, heading] of markdown
    .replace(/^(```+|~~~+)[\s\S]*?^\1/gm, '')
    .matchAll(/^#{1,6} +(.+?)\s*#*$/gm)) {
    const slug = heading!
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replace(/ /g, '-')
    let unique = slug
    for (let repeated = 1; found.has(unique); repeated++) unique = `${slug}-${repeated}`
    found.add(unique)
  }
  for (const [, id] of markdown.matchAll(/<a (?:id|name)="([^"]+)"/g)) found.add(id!)
  return found
}

function checkLinks(pages: Files, paths: readonly string[]): Complaint[] {
  // A link may lead to a file or to a folder that holds one.
  const targets = new Set(
    paths.flatMap((path) => path.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/')))
  )
  const complaints: Complaint[] = []
  for (const [path, markdown] of pages) {
    const text = withoutCode(markdown)
    const inline = [...text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)]
    const referenced = [...text.matchAll(/^\[[^\]]+\]:\s+<?([^\s>]+)>?/gm)]
    const html = [...text.matchAll(/<(?:a|img)\s[^>]*?(?:href|src)="([^"]+)"/g)]
    for (const match of [...inline, ...referenced, ...html]) {
      const link = match[1]!
      if (/^[a-z][a-z0-9+.-]*:/i.test(link)) continue
      const [file = '', anchor] = decodeURIComponent(link).split('#', 2)
      const target = file === '' ? path : posix.join(posix.dirname(path), file).replace(/\/$/, '')
      const where = `${path}:${lineOf(text, match.index)}`
      if (target.startsWith('..') || (target !== '.' && !targets.has(target))) {
        complaints.push(`${where}: ${link} leads nowhere`)
      } else if (anchor !== undefined && pages.has(target) && !anchors(pages.get(target)!).has(anchor)) {
        complaints.push(`${where}: ${target} has no heading #${anchor}`)
      }
    }
  }
  return complaints
}

function checkReadme(path: string, readme: string | undefined): Complaint[] {
  if (readme === undefined) return [`${path} is missing`]
  const text = withoutCode(readme)
  const complaints: Complaint[] = []
  const [, purpose = ''] = /^# .+\n+([^#\n][^\n]*)/.exec(text) ?? []
  if (purpose.length < 20) complaints.push(`${path} does not say after its title what the package is for`)
  const headings = [...text.matchAll(/^## +(.+?)\s*$/gm)].map((match) => match[1]!)
  const parts = headings.filter((heading) => README_PARTS.includes(heading))
  if (parts.join() !== README_PARTS.join()) {
    complaints.push(`${path} has the parts "${parts.join(', ')}" instead of "${README_PARTS.join(', ')}"`)
  }
  const [, example = ''] = /^## Example\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(readme) ?? []
  if (!/^```/m.test(example)) complaints.push(`${path} has no code under Example`)
  return complaints
}

describe('documents', () => {
  it('every relative link leads to a file, and to a heading where it names one', () => {
    expect(checkLinks(readFiles(/\.md$/), listPaths())).toEqual([])
  })

  it('notices a link that leads nowhere', () => {
    const page = planted({
      'docs/a.md': [
        '# One & two',
        '[fine](b.md) [fine](./b.md#far-away) [fine](#one--two) [fine](https://example.com/x) [folder](../docs/)',
        '`[shown](nowhere.md)`',
        '[gone](c.md)',
        '[gone too](../b.md "title")',
        '[no such heading](b.md#nearby)',
        '<img src="missing.png">',
        '[outside](../../x.md)',
        '',
        '[ref]: missing.md'
      ].join('\n'),
      'docs/b.md': '## Far away'
    })
    const complaints = checkLinks(page, ['docs/a.md', 'docs/b.md'])
    expect(complaints.sort().map((complaint) => complaint.split(':')[1])).toEqual([
      '10',
      '4',
      '5',
      '6',
      '7',
      '8'
    ])
  })

  it('every package has a README with the same five parts', () => {
    const readmes = readFiles(/^packages\/[^/]+\/README\.md$/)
    const folders = readFiles(/^packages\/[^/]+\/package\.json$/).keys()
    const paths = [...folders].map((path) => path.replace('package.json', 'README.md'))
    expect(paths.length).toBeGreaterThan(0)
    expect(paths.flatMap((path) => checkReadme(path, readmes.get(path)))).toEqual([])
  })

  it('notices a README that is missing, has no purpose, lacks a part or shows no code', () => {
    const purpose = '# x\n\nKeeps every version of a memory.\n'
    const rest = '\n## Install\n\n## Example\n\n```ts\nrun()\n```\n\n## Contract\n\n## API\n'
    expect(checkReadme('README.md', purpose + rest)).toEqual([])
    expect(checkReadme('README.md', undefined)).toHaveLength(1)
    expect(checkReadme('README.md', `# x\n${rest}`)).toHaveLength(1)
    expect(checkReadme('README.md', purpose + rest.replace('## Contract', '## Promises'))).toHaveLength(1)
    expect(
      checkReadme('README.md', purpose + rest.replace('## Contract', '```\n## Contract\n```'))
    ).toHaveLength(1)
    expect(checkReadme('README.md', purpose + rest.replace(/```[\s\S]*```/, 'None.'))).toHaveLength(1)
  })
})
