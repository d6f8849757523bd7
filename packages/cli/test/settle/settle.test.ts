import type {
  Choice,
  Conflict,
  EntryId,
  MergeProposal,
  ResolveArguments,
  ShownConflict
} from 'cis-memory/session'
import { describe, expect, it } from 'vitest'
import { cis, conflict, failure, NOW, type Run, type Scene, shown, version } from '../harness.ts'

const ID = 'k7q2m4x9p3ab'
const PLAIN = { NO_COLOR: '1' }

/** Operations on conflicts that are settled one after the other, as a device would answer them. */
class Board {
  readonly open: ShownConflict[]
  readonly choices: Choice[] = []

  constructor(...open: ShownConflict[]) {
    this.open = open
  }

  get calls(): NonNullable<Scene['calls']> {
    return {
      'conflicts.show': ({ conflict: idOrPath }) => this.#find(idOrPath),
      'conflicts.count': () => this.open.length,
      'conflicts.resolve': ({ id, choice }: ResolveArguments) => {
        const shown = this.#find(id)
        this.open.splice(this.open.indexOf(shown), 1)
        this.choices.push(choice)
        const { path } = shown.conflict
        return { conflictId: id, path, entryId: 'd'.repeat(32) as EntryId, alsoWritten: [] }
      }
    }
  }

  #find(idOrPath: string): ShownConflict {
    const found = this.open.find(({ conflict: { id, path } }) => id === idOrPath || path === idOrPath)
    if (found === undefined) throw failure('CORE_CONFLICT_NOT_FOUND')
    return found
  }
}

function open(fields: Partial<Conflict> = {}, ancestor?: ShownConflict['ancestor']): ShownConflict {
  return shown({ conflict: conflict(fields), ancestor })
}

/** Presses keys at `conflicts resolve` with these conflicts open. */
async function press(board: Board, keys: NonNullable<Scene['keys']>, scene: Scene = {}): Promise<Run> {
  return cis(['memory', 'conflicts', 'resolve'], {
    keys,
    columns: 140,
    env: PLAIN,
    streams: { 'conflicts.list': () => board.open.map((each) => each.conflict) },
    ...scene,
    calls: { ...board.calls, ...scene.calls }
  })
}

const three = (): ShownConflict =>
  open({
    versions: [
      version({ digit: 'a', value: 'Tuesday' }),
      version({ digit: 'b', value: 'Wednesday', isLocal: true, deviceName: 'desktop' }),
      version({ digit: 'c', value: 'Friday', deviceName: 'tablet' })
    ]
  })

describe('settling conflicts one after the other', () => {
  it('takes one key each, and the count falls', async () => {
    const board = new Board(open(), open({ id: 'second', path: '/acme/web/second' }))
    const { exitCode, stdout, stderr, isTerminalRestored } = await press(board, ['l', 'r'])
    expect(exitCode).toBe(0)
    expect(board.choices).toEqual([
      { keep: 'a'.repeat(32), index: 0 },
      { keep: 'b'.repeat(32), index: 0 }
    ])
    expect(stdout).toContain('── 1 of 2 · 2 open ─')
    expect(stdout).toContain('── 2 of 2 · 1 open ─')
    expect(stderr).toContain('Settled deploy/day: kept local. 1 conflict left.')
    expect(stderr).toContain('Settled second: kept remote. None left.')
    expect(stderr).toContain('Next: cis memory sync')
    expect(isTerminalRestored).toBe(true)
  })

  it.each<[key: string, choice: Choice]>([
    ['l', { keep: 'a'.repeat(32) as EntryId, index: 0 }],
    ['ｒ', { keep: 'b'.repeat(32) as EntryId, index: 0 }],
    ['2', { keep: 'b'.repeat(32) as EntryId, index: 0 }],
    ['B', { keep: 'both' }],
    ['d', { delete: true }]
  ])('%s settles', async (key, choice) => {
    const board = new Board(open())
    expect((await press(board, [key])).exitCode).toBe(0)
    expect(board.choices).toEqual([choice])
  })

  it('has what this device wrote first, whichever was earlier', async () => {
    const board = new Board(three())
    const { stdout } = await press(board, ['1'])
    expect(stdout).toMatch(/1 local {2}bbbbbbbb +│ 2 {2}aaaaaaaa +│ 3 {2}cccccccc/)
    expect(board.choices).toEqual([{ keep: 'b'.repeat(32), index: 0 }])
  })

  it('names three versions by number, and does not offer a remote where there are two', async () => {
    const board = new Board(three())
    const { stdout } = await press(board, ['3'])
    expect(stdout).toContain('[1 2 3] keep that one  [l] local  [b] keep all')
    expect(stdout).not.toContain('[r]')
    expect(board.choices).toEqual([{ keep: 'c'.repeat(32), index: 0 }])
  })

  it('takes two digits where there are more than nine, or one and Enter', async () => {
    const versions = Array.from({ length: 12 }, (_, i) => version({ index: i, value: `value ${i}` }))
    for (const [keys, index] of [
      [['1', '2'], 11],
      [['1', '\r'], 0],
      [['3'], 2]
    ] as const) {
      const board = new Board(open({ versions }))
      expect((await press(board, [keys], { columns: 80 })).exitCode).toBe(0)
      expect(board.choices).toEqual([{ keep: 'a'.repeat(32), index }])
    }
  })

  it('shows a deletion against an edit as what it is', async () => {
    const board = new Board(
      open(
        {
          kind: 'delete',
          versions: [
            version({ digit: 'a', kind: 'deleted', value: undefined, isLocal: true, deviceName: 'desktop' }),
            version({ digit: 'b', value: 'Ask Ana or Bo' })
          ]
        },
        version({ digit: 'e', value: 'Ask Ana' })
      )
    )
    const { stdout } = await press(board, ['?', 'l'])
    expect(stdout).toContain('It was deleted by one and changed by another.')
    expect(stdout).toMatch(/\(deleted\) +│ Ask Ana\{\+ or Bo\+\}/)
    expect(stdout).toContain('Marked: what each changed since "before".')
    expect(stdout).toContain('l  keep what desktop (this device) did: delete it')
    expect(stdout).not.toContain('[b]')
    expect(stdout).not.toContain('[d]')
    expect(board.choices).toEqual([{ keep: 'a'.repeat(32), index: 0 }])
  })

  it('keeps nothing that cannot be opened', async () => {
    const versions = [version({ kind: 'unreadable', value: undefined }), version({ digit: 'b', value: 'x' })]
    const { stdout } = await press(new Board(open({ kind: 'unreadable', versions })), ['2'])
    expect(stdout).toContain('[2] keep that one  [e] edit  [d] delete  [q] quit')
  })

  it('leaves open what is skipped, and the rest when it is quit', async () => {
    const board = new Board(open(), open({ id: 'second', path: '/acme/web/second' }), three())
    const { exitCode, stderr } = await press(board, ['s', 'q'])
    expect(exitCode).toBe(3)
    expect(board.choices).toEqual([])
    expect(stderr).toContain('Nothing was settled; every version is kept.')
    expect(stderr).toContain('3 conflicts are open in this scope.')
  })

  it('ends on Ctrl-C as an interruption, the terminal as it was', async () => {
    const { exitCode, isTerminalRestored } = await press(new Board(open()), ['\u0003'])
    expect({ exitCode, isTerminalRestored }).toEqual({ exitCode: 130, isTerminalRestored: true })
  })

  it('takes nothing from a paste', async () => {
    const board = new Board(open())
    await press(board, [['local\r', 'q']])
    expect(board.choices).toEqual([])
  })

  it('shows what changed since when another device was faster, and asks again', async () => {
    const board = new Board(open())
    const now = conflict({
      id: 'another',
      versions: [conflict().versions[0]!, version({ digit: 'c', value: 'Monday' })]
    })
    let attempts = 0
    const { exitCode, stderr } = await press(board, ['r', '2'], {
      calls: {
        'conflicts.resolve': (args: ResolveArguments) => {
          if (++attempts > 1) return board.calls['conflicts.resolve']!(args)
          board.open.splice(0, 1, shown({ conflict: now }))
          throw failure('CORE_STALE_CONFLICT', { currentId: 'another' })
        },
        'memory.get': () => ({ state: 'conflict', path: now.path, base: [], conflict: now })
      }
    })
    expect(stderr).toContain('deploy/day has changed since it was shown:')
    expect(stderr).toMatch(/ {2}- We deploy on Friday/)
    expect(stderr).toMatch(/ {4}We deploy on Tuesday/)
    expect(stderr).toMatch(/ {2}\+ Monday/)
    expect(exitCode).toBe(0)
    expect(board.choices).toEqual([{ keep: 'c'.repeat(32), index: 0 }])
  })

  it('goes on when somebody else has settled the next one meanwhile', async () => {
    const board = new Board(open(), open({ id: 'second', path: '/acme/web/second' }))
    const { exitCode, stderr } = await press(board, ['l'], {
      calls: {
        'conflicts.resolve': (args: ResolveArguments) => {
          const resolution = board.calls['conflicts.resolve']!(args)
          board.open.length = 0
          return resolution
        }
      }
    })
    expect(stderr).toContain('second has been settled by somebody else.')
    expect(exitCode).toBe(0)
  })

  it('asks again when core refuses the choice', async () => {
    let attempts = 0
    const board = new Board(open())
    const { exitCode, stderr } = await press(board, ['l', 'r'], {
      calls: {
        'conflicts.resolve': (args: ResolveArguments) => {
          if (++attempts === 1) throw failure('CORE_AMBIGUOUS_CHOICE')
          return board.calls['conflicts.resolve']!(args)
        }
      }
    })
    expect(stderr).toContain('it failed with CORE_AMBIGUOUS_CHOICE')
    expect(exitCode).toBe(0)
  })

  it('takes back the last one that was settled, and shows it again', async () => {
    const first = open()
    const board = new Board(first, open({ id: 'second', path: '/acme/web/second' }))
    const { exitCode, stderr, asked } = await press(board, ['l', 'u', 'r', 'l'], {
      calls: {
        'conflicts.undo': () => {
          board.open.unshift(first)
          return { path: '/acme/web/deploy/day', entryId: 'e'.repeat(32) as EntryId, replaced: [] }
        }
      }
    })
    expect(exitCode).toBe(0)
    expect(asked).toContainEqual(['conflicts.undo', { conflict: '/acme/web/deploy/day' }])
    expect(stderr).toContain('Undone: deploy/day is as it was before.')
    expect(board.choices.map((choice) => ('keep' in choice ? choice.keep.charAt(0) : ''))).toEqual([
      'a',
      'b',
      'a'
    ])
  })

  it('offers what each changed when nothing overlaps, and shows it before it is taken', async () => {
    const versions = [
      version({ digit: 'a', value: 'ONE\n\ntwo\n', isLocal: true }),
      version({ digit: 'b', value: 'one\n\nTWO\n' })
    ]
    const merging = (): Board => new Board(open({ versions }, version({ digit: 'e', value: 'one\n\ntwo\n' })))
    const board = merging()
    const { stdout } = await press(board, ['m', '\r'])
    expect(stdout).toContain(
      'merged\nwhat each changed since "before"\n  [-one-]{+ONE+}\n\n  [-two-]{+TWO+}\n'
    )
    expect(board.choices).toEqual([{ value: 'ONE\n\nTWO\n', contentType: 'text/plain' }])
    const refused = merging()
    expect((await press(refused, ['m', 'x', 'q'])).exitCode).toBe(3)
    expect(refused.choices).toEqual([])
    const overlapping = new Board(open({}, version({ value: 'We deploy' })))
    expect((await press(overlapping, ['q'])).stdout).not.toContain('[m] merge')
  })

  it('shows a merge that a model proposes, and settles with it only when it is taken', async () => {
    const proposal = (value: string): MergeProposal => ({
      conflictId: ID,
      path: '/acme/web/deploy/day',
      value,
      contentType: 'text/plain',
      model: 'merger-1',
      promptHash: 'f00d',
      rationale: 'Why not both?',
      proposedAt: NOW,
      refusedAt: undefined
    })
    const asking = (): { board: Board; scene: Scene; refused: string[] } => {
      const board = new Board(shown({ canPropose: true }))
      const refused: string[] = []
      let made = 0
      const scene: Scene = {
        calls: {
          'conflicts.propose': () => proposal(`We deploy on day ${++made}`),
          'conflicts.refuse': ({ id }) => {
            refused.push(id)
          }
        }
      }
      return { board, scene, refused }
    }
    const taken = asking()
    const { stdout } = await press(taken.board, ['a', 'n', '\r'], taken.scene)
    expect(stdout).toContain('[a] AI merge')
    expect(stdout).toMatch(
      /proposed merge\nmerger-1, just now, prompt f00d\nWhy not both\?\n.*day 1[\s\S]*day 2/
    )
    expect(taken.board.choices).toEqual([{ keep: 'proposal' }])
    const refused = asking()
    expect((await press(refused.board, ['a', 'x', 'q'], refused.scene)).exitCode).toBe(3)
    expect({ choices: refused.board.choices, refused: refused.refused }).toEqual({
      choices: [],
      refused: [ID]
    })
    const left = asking()
    expect((await press(left.board, ['a', 's', 'q'], left.scene)).exitCode).toBe(3)
    expect({ choices: left.board.choices, refused: left.refused }).toEqual({ choices: [], refused: [] })
    expect((await press(new Board(open()), ['q'])).stdout).not.toContain('AI merge')
  })

  it('goes on asking when no merge could be had', async () => {
    const board = new Board(shown({ canPropose: true }))
    const { exitCode, stderr } = await press(board, ['a', 'l'], {
      calls: {
        'conflicts.propose': () => {
          throw failure('CORE_BAD_VALUE')
        }
      }
    })
    expect(stderr).toContain('it failed with CORE_BAD_VALUE')
    expect(exitCode).toBe(0)
  })

  it('is made for people: without a terminal, or with --no-input or --json, it asks for a choice instead', async () => {
    for (const flags of [[], ['--no-input'], ['--json']]) {
      const { exitCode, asked } = await cis(['memory', 'conflicts', 'resolve', ...flags], {
        isTerminal: flags.length > 0
      })
      expect(exitCode).toBe(2)
      expect(asked).toEqual([])
    }
    const board = new Board(open())
    const dry = await cis(['memory', 'conflicts', 'resolve', ID, '-n'], { keys: ['l'], calls: board.calls })
    expect(dry.exitCode).toBe(2)
    expect(board.choices).toEqual([])
  })

  it('says so when there is nothing to settle', async () => {
    const { exitCode, stderr } = await press(new Board(), [])
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: 'No conflicts in /acme/web: agents can work here.\n'
    })
  })
})

describe('what is shown while settling', () => {
  const hostile = '\u001b[2J\u001b]0;owned\u0007\u202egnorw\u009b31m'

  it.each([80, 140])('is harmless and fits %d columns', async (columns) => {
    const author = { deviceName: `lap${hostile}`, agent: `a${hostile}`, tags: [hostile], category: hostile }
    const board = new Board(
      open(
        {
          path: `/acme/web/${'k'.repeat(100)}`,
          versions: [
            version({
              ...author,
              digit: 'a',
              isLocal: true,
              value: `今日は${hostile}天気\ttab ${'x'.repeat(200)}`
            }),
            version({ ...author, digit: 'b', value: `今日は${hostile}天気が悪い` })
          ]
        },
        version({ ...author, digit: 'e', value: hostile })
      )
    )
    const { stdout, stderr } = await press(board, ['?', 'l'], { columns })
    for (const text of [stdout, stderr]) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal acts on
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
    }
    expect(stdout.includes('│')).toBe(columns === 140)
  })

  it('has no colour with NO_COLOR, and marks by brackets instead', async () => {
    const plain = await press(new Board(open()), ['l'])
    expect(`${plain.stdout}${plain.stderr}`).not.toContain('\u001b')
    expect(plain.stdout).toContain('[l] local')
    const coloured = await press(new Board(open()), ['l'], { env: {} })
    expect(coloured.stdout).toContain('\u001b[31mTuesday\u001b[39m')
    expect(coloured.stdout).not.toContain('[-')
  })

  it('tells values apart that look alike as text', async () => {
    const versions = [version({ value: 30, contentType: undefined }), version({ digit: 'b', value: '30' })]
    const { stdout } = await press(new Board(open({ versions })), ['q'])
    expect(stdout).toMatch(/30 +│ \{\+"\+\}30\{\+"\+\}/)
  })

  it('says what is said about versions whose text is the same', async () => {
    const versions = [
      version({ tags: ['draft'], category: 'rules' }),
      version({ digit: 'b', contentType: 'text/markdown' })
    ]
    const { stdout } = await press(new Board(open({ versions })), ['q'])
    expect(stdout).toMatch(/category rules · tags draft +│ text\/markdown/)
    expect(stdout).toContain('The texts are the same; what is said about them differs.')
  })

  it('folds what is the same on a terminal, and leaves nothing out in a pipe', async () => {
    const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`)
    const versions = [
      version({ value: lines.join('\n') }),
      version({ digit: 'b', value: lines.with(20, 'other').join('\n') })
    ]
    const { stdout } = await press(new Board(open({ versions })), ['q'])
    expect(stdout).toContain('⋯ 17 lines are the same')
    expect(stdout).not.toContain('line 3\n')
    const piped = await cis(['memory', 'conflicts', 'show', ID], {
      calls: new Board(open({ versions })).calls
    })
    expect(piped.stdout).toContain('  line 3\n')
    expect(piped.stdout).not.toContain('⋯')
  })
})
