/*
 * What the documents tell a person to type in two terminals, typed: each terminal is a shell, and what the comments say of
 * a command (what it prints, its exit code) has to be so.
 */
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Child } from './support/child.ts'
import { CIS, Device, records } from './support/device.ts'
import { Sandbox } from './support/sandbox.ts'

/** Each with what is in the public memory of both in the end. */
const SECTIONS = [
  { file: 'README.md', heading: 'In the terminal', memories: { '/acme/web/config/timeout': '90' } },
  {
    file: 'docs/guide/first-steps.md',
    heading: 'Two computers',
    memories: {
      '/team/project/deploy/day': 'We deploy on Tuesdays.',
      '/team/project/deploy/hour': 'At nine.'
    }
  }
] as const
const HOMES = ['/tmp/a', '/tmp/b'] as const
const DONE = 'terminal-is-ready'

/** Some twenty commands, each a process; beside other tests each takes seconds. */
const TYPED_MS = 240_000

interface Typed {
  readonly terminal: string
  readonly line: string
  /** The command without its comment. */
  readonly command: string
  /** What the comment promises it prints. */
  readonly prints: string | undefined
  readonly exitCode: number
}

/** A memory as `memory list --json` prints it. */
interface Listed {
  readonly path: string
  readonly value: unknown
  readonly version: { readonly entryId: string }
}

/** The commands of a section, in order. */
async function commandsOf(file: string, heading: string): Promise<Typed[]> {
  const text = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8')
  const block = new RegExp(`^## ${heading}\n[^#]*?^\`\`\`sh\n(.*?)^\`\`\``, 'ms').exec(text)?.[1] ?? ''
  let terminal = ''
  return block.split('\n').flatMap((line) => {
    const heading = /^# terminal (\w+)/.exec(line)?.[1]
    if (heading !== undefined) terminal = heading
    if (heading !== undefined || line.trim() === '') return []
    const [, command = '', comment = ''] = /^(.*?)(?:\s+# (.*))?$/.exec(line) ?? []
    const exitCode = Number(/^exit code (\d)/.exec(comment)?.[1] ?? 0)
    const prints = /^\d+$/.exec(comment)?.[0] ?? /^"(.*)"$/.exec(comment)?.[1]
    return [{ terminal, line, command, prints, exitCode }]
  })
}

/** A shell that reads what is typed into it. */
class Terminal {
  readonly child: Child
  #typed = 0

  constructor(child: Child) {
    this.child = child
  }

  /** Types one line; resolves when the shell is ready for the next. */
  async type(line: string): Promise<{ readonly exitCode: number; readonly stdout: string }> {
    const mark = `${DONE} ${++this.#typed}`
    const before = this.child.stdout.length
    this.child.write(`${line}\nprintf '\\n${mark} %s\\n' "$?"\n`)
    const exitCode = await this.child.line((said) =>
      said.startsWith(`${mark} `) ? Number(said.slice(mark.length)) : undefined
    )
    const said = this.child.stdout.subarray(before).toString()
    return { exitCode, stdout: said.slice(0, said.indexOf(`\n${mark}`)) }
  }
}

describe('what is to be typed by hand', () => {
  let sandbox: Sandbox
  /** The process that was sent to the background; it would outlive its shell. */
  let background: number | undefined
  beforeEach(async () => {
    sandbox = await Sandbox.create()
  })
  afterEach(async () => {
    if (background !== undefined) await sandbox.start('kill', ['-KILL', String(background)]).ended
    await sandbox[Symbol.asyncDispose]()
  })

  it.each(SECTIONS)(
    'in $file works as it stands, and both end with the same memory',
    async (section) => {
      const project = await sandbox.folder('project')
      const programs = await sandbox.folder('programs')
      await writeFile(join(programs, 'cis'), `#!/bin/sh\nexec '${process.execPath}' '${CIS}' "$@"\n`)
      await chmod(join(programs, 'cis'), 0o755)
      const PATH = `${programs}:${process.env.PATH}`
      const devices = {
        A: await Device.empty(sandbox, 'a', project),
        B: await Device.empty(sandbox, 'b', project)
      }
      const terminals = new Map<string, Terminal>()
      for (const [name, { home }] of Object.entries(devices)) {
        const env = { PATH, CIS_HOME: home }
        terminals.set(name, new Terminal(sandbox.start('bash', [], { cwd: project, env })))
      }

      const typed = await commandsOf(section.file, section.heading)
      expect(typed.map(({ terminal }) => terminal)).toContain('B')
      const seen = { CODE: '', ID: '' }
      for (const { terminal: name, line, command, prints, exitCode } of typed) {
        const terminal = terminals.get(name)
        const device = devices[name as keyof typeof devices]
        if (terminal === undefined) throw new Error(`${section.file} has a terminal ${name}`)
        const asTyped = HOMES.reduce((all, home, at) => {
          return all.replace(home, Object.values(devices)[at]?.home ?? '')
        }, line)
        const ended = await terminal.type(
          asTyped.replace(/\b(?:CODE|ID)\b(?=.*( #|$))/, (word) => seen[word as keyof typeof seen] || word)
        )
        expect({ command, exitCode: ended.exitCode, stderr: terminal.child.stderr }).toMatchObject({
          command,
          exitCode
        })
        if (prints !== undefined)
          expect({ command, stdout: ended.stdout }).toEqual({ command, stdout: prints })
        if (command.endsWith('&')) {
          background = Number((await terminal.type('echo $!')).stdout)
          // A person reads on before typing on.
          await terminal.child.line((said) => said.startsWith('/ip4/') || undefined)
        }
        if (command.startsWith('kill ')) {
          expect(await terminal.type('wait $!')).toMatchObject({ exitCode: 0 })
          background = undefined
        }
        if (/ (?:init|join) /.test(command)) await device.stayHere()
        seen.CODE ||= /^cis1\w+$/m.exec(ended.stdout)?.[0] ?? ''
        if (command.endsWith('conflicts list')) seen.ID = /^\w+/.exec(ended.stdout)?.[0] ?? ''
      }

      const memories = async (device: Device): Promise<(readonly [string, unknown, string])[]> => {
        const listed = await device.must(['memory', 'list', '--public', '--json'])
        return records<Listed>(listed).map(({ path, value, version }) => [path, value, version.entryId])
      }
      const ofA = await memories(devices.A)
      expect(Object.fromEntries(ofA)).toEqual(section.memories)
      expect(await memories(devices.B)).toEqual(ofA)
    },
    TYPED_MS
  )
})
