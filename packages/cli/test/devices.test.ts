import type {
  EntryId,
  HomeResult,
  ImportOutcome,
  Notice,
  PeerInfo,
  StatusResult,
  SyncEvent
} from 'cis-memory/session'
import { describe, expect, it } from 'vitest'
import type { Library } from '../src/index.ts'
import { cis, conflict, failure, NOW, type Scene, shown } from './harness.ts'

const HOME: HomeResult = {
  home: '/people/ana/.cis',
  device: { id: '2'.repeat(64), name: 'laptop' },
  space: { id: '3'.repeat(64), name: 'family' },
  listen: ['/ip4/0.0.0.0/tcp/41234'],
  configFile: '/people/ana/.cis/config.toml'
}

describe('init', () => {
  const library = (calls: unknown[], existing = false): Partial<Library> => ({
    initHome: async (options) => {
      calls.push(['initHome', options])
      if (existing) throw failure('CIS_HOME_EXISTS')
      return HOME
    },
    writeScopeFile: async (directory, scope) => {
      calls.push(['writeScopeFile', directory, scope])
      return { scope, file: `${directory}/.cis.toml` }
    }
  })

  it('makes a home, and a scope file when a scope is given', async () => {
    const calls: unknown[] = []
    const argv = ['init', '--space', 'family', '--scope', '/acme/web', '--json']
    const { exitCode, records } = await cis(argv, { library: library(calls) })
    expect(exitCode).toBe(0)
    expect(calls).toMatchObject([
      ['initHome', { home: '/people/ana/.cis', space: 'family' }],
      ['writeScopeFile', '/project', '/acme/web']
    ])
    expect(records()).toMatchObject([{ isNew: true, scope: '/acme/web', scopeFile: '/project/.cis.toml' }])
  })

  it('gives another project a scope on a device that is set up already', async () => {
    const calls: unknown[] = []
    const argv = ['init', '--scope', '/acme/api', '--json']
    const { exitCode, records } = await cis(argv, { library: library(calls, true) })
    expect(exitCode).toBe(0)
    expect(records()).toMatchObject([{ isNew: false, scope: '/acme/api' }])
  })

  it('never makes a second space in a home, and writes no scope file then', async () => {
    for (const argv of [['init'], ['init', '--space', 'other', '--scope', '/x']]) {
      const calls: unknown[][] = []
      const { exitCode, stderr } = await cis(argv, { library: library(calls, true) })
      expect(exitCode).toBe(1)
      expect(stderr).toMatch(/Next: cis .*status/)
      expect(calls.map(([name]) => name)).toEqual(['initHome'])
    }
  })

  it('does nothing with --dry-run', async () => {
    const calls: unknown[] = []
    const { exitCode } = await cis(['init', '--dry-run'], { library: library(calls) })
    expect(exitCode).toBe(0)
    expect(calls).toEqual([])
  })
})

describe('invite and join', () => {
  const code = { type: 'code', code: 'cis1-abc', expiresAt: NOW + 3_600_000, addresses: [] } as const
  const joined = { type: 'joined', peer: { device: '4'.repeat(64), name: 'desktop' } } as const

  it('prints the code alone, and leaves it to a node that runs', async () => {
    const streams = { invite: () => [code] }
    const { stdout, stderr, asked } = await cis(['invite', '--expires', '15m'], { streams })
    expect(stdout).toBe('cis1-abc\n')
    expect(stderr).toContain('in 1 hour')
    expect(asked).toEqual([['invite', { expiresInMs: 900_000, wait: false }]])
  })

  it('waits for the device when nobody else would answer it', async () => {
    const peer: PeerInfo = {
      ...joined.peer,
      role: 'member',
      addresses: [],
      isConnected: true,
      lastSyncedAt: NOW
    }
    const streams = { invite: () => [code, joined], 'peers.list': () => [peer] }
    const { stdout, stderr, asked } = await cis(['invite'], { streams, via: 'store' })
    expect(stdout).toBe('cis1-abc\n')
    expect(stderr).toContain('desktop (44444444) has joined')
    expect(asked).toMatchObject([
      ['invite', { wait: true }],
      ['peers.list', {}]
    ])
  })

  it.each([
    [['join', 'cis1-abc'], undefined],
    [['join', '-'], 'cis1-abc\n'],
    [['join'], 'cis1-abc\n']
  ])('takes the code from %j', async (argv, stdin) => {
    const codes: string[] = []
    const library: Partial<Library> = {
      joinHome: async (options) => {
        codes.push(options.code)
        return HOME
      }
    }
    const streams = { 'memory.sync': () => fetched }
    const scene: Scene = stdin === undefined ? { library, streams } : { library, streams, stdin }
    const { exitCode, stderr } = await cis(argv, scene)
    expect(exitCode).toBe(0)
    expect(codes).toEqual(['cis1-abc'])
    expect(stderr).toContain('Received 7 entries.')
    expect(stderr).not.toContain('cis1-abc')
  })

  it('has joined even when there is nobody to fetch from any more', async () => {
    const library: Partial<Library> = { joinHome: async () => HOME }
    const streams = {
      'memory.sync': () => {
        throw failure('CIS_NO_PEER_REACHED')
      }
    }
    const { exitCode, stderr } = await cis(['join', 'x'], { library, streams })
    expect(exitCode).toBe(0)
    expect(stderr).toContain('Next: cis memory sync --scope /')
  })

  it('explains an empty invitation', async () => {
    const { exitCode, stderr } = await cis(['join'], { stdin: '\n' })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('cis invite')
  })
})

const fetched: SyncEvent[] = [
  {
    type: 'synced',
    peer: { device: '4'.repeat(64), name: 'laptop' },
    sent: 0,
    received: 7,
    conflicts: 0,
    bytes: 4_200,
    rounds: 1
  },
  { type: 'done', synced: 1, failed: 0, openConflicts: 0 }
]

describe('memory sync', () => {
  const peer = { device: '4'.repeat(64), name: 'desktop' }
  const synced = {
    type: 'synced',
    peer,
    sent: 3,
    received: 5,
    conflicts: 1,
    bytes: 4_200,
    rounds: 2
  } as const
  const done = (openConflicts: number): SyncEvent => ({ type: 'done', synced: 1, failed: 0, openConflicts })
  const sync = (events: readonly SyncEvent[], ...argv: string[]) =>
    cis(['memory', 'sync', ...argv], { streams: { 'memory.sync': () => events } })

  it('is done when nothing is left to settle', async () => {
    const { exitCode, stdout, stderr } = await sync([synced, done(0)])
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' })
    expect(stderr).toContain('Synced with desktop: 3 sent, 5 received, 1 new conflict (4.2 kB)')
  })

  it('ends with exit code 3 when conflicts are left', async () => {
    const { exitCode, stderr } = await sync([synced, done(1)])
    expect(exitCode).toBe(3)
    expect(stderr).toContain('Next: cis memory conflicts list')
  })

  it('offers to settle what it leaves at once, on a terminal', async () => {
    let open = 1
    const scene: Scene = {
      env: { NO_COLOR: '1' },
      streams: {
        'memory.sync': () => [synced, done(1)],
        'conflicts.list': () => [conflict()]
      },
      calls: {
        'conflicts.show': () => shown(),
        'conflicts.count': () => open,
        'conflicts.resolve': ({ id, path = '' }) => {
          open = 0
          return { conflictId: id, path, entryId: 'd'.repeat(32) as EntryId, alsoWritten: [] }
        }
      }
    }
    const settled = await cis(['memory', 'sync'], { ...scene, keys: ['s', 'l'] })
    expect(settled.exitCode).toBe(0)
    expect(settled.stderr).toContain('Settled deploy/day: kept local. None left.')
    open = 1
    const left = await cis(['memory', 'sync'], { ...scene, keys: ['n'] })
    expect(left.exitCode).toBe(3)
    expect(left.asked.map(([name]) => name)).toEqual(['memory.sync'])
    for (const flag of ['--no-input', '--json']) {
      const { exitCode, stdout } = await cis(['memory', 'sync', flag], { ...scene, isTerminal: true })
      expect(exitCode).toBe(3)
      expect(stdout).not.toContain('Press s')
    }
  })

  it('ends with exit code 4 when no peer was reached', async () => {
    const streams = {
      'memory.sync': () => {
        throw failure('CIS_NO_PEER_REACHED')
      }
    }
    const { exitCode, stderr } = await cis(['memory', 'sync'], { streams })
    expect(exitCode).toBe(4)
    expect(stderr).toContain('Next: cis peers list')
  })

  it('prints events as they come as JSON', async () => {
    const { records } = await sync([synced, done(0)], '--json')
    expect(records().map(({ type }) => type)).toEqual(['synced', 'done'])
  })

  it('hands over peer, direction and keys', async () => {
    const { asked } = await sync([done(0)], 'a', 'b', '--peer', 'desktop', '--pull')
    expect(asked).toEqual([['memory.sync', { peer: 'desktop', direction: 'pull', keys: ['a', 'b'] }]])
    expect((await sync([done(0)])).asked).toEqual([
      ['memory.sync', { peer: undefined, direction: 'both', keys: undefined }]
    ])
  })
})

describe('memory broadcast', () => {
  it('says whom it reached, and ends with exit code 4 when that is nobody', async () => {
    const broadcast = (reached: number) =>
      cis(['memory', 'broadcast', 'x', '--json'], { calls: { 'memory.broadcast': () => ({ reached }) } })
    expect((await broadcast(2)).exitCode).toBe(0)
    const nobody = await broadcast(0)
    expect(nobody.exitCode).toBe(4)
    expect(nobody.records()).toEqual([{ path: 'x', reached: 0 }])
  })
})

describe('memory import', () => {
  const outcomes: ImportOutcome[] = [
    { path: '/acme/web/readme/install', domain: 'public', outcome: 'created', code: undefined },
    { path: '/acme/web/readme/usage', domain: 'public', outcome: 'unchanged', code: undefined },
    { path: '/acme/web/readme/limits', domain: 'public', outcome: 'refused', code: 'CORE_STALE_BASE' }
  ]
  const imports = (given: unknown[], found = outcomes): Scene => ({
    library: {
      importMemories: async function* (_, options) {
        given.push(options)
        for (const [i, outcome] of found.entries()) yield { ...outcome, done: i + 1 }
      }
    }
  })

  it('says what became of each heading, and fails when one was refused', async () => {
    const given: unknown[] = []
    const argv = ['memory', 'import', 'README.md', '/docs', '--under', 'notes', '--dry-run']
    const { exitCode, stdout, stderr } = await cis(argv, imports(given))
    expect(exitCode).toBe(1)
    expect(given).toMatchObject([
      { source: '/project/README.md', prefix: 'notes', domain: undefined, dryRun: true },
      { source: '/docs' }
    ])
    expect(stdout.split('\n')[0]).toBe('created\tpublic\treadme/install')
    expect(stdout).toContain('refused\tpublic\treadme/limits\tCORE_STALE_BASE')
    expect(stdout).not.toContain('usage')
    expect(stderr).toContain('Would import')
  })

  it('prints one object a line as JSON', async () => {
    const { records } = await cis(['memory', 'import', 'x', '--json'], imports([]))
    expect(records().map(({ outcome }) => outcome)).toEqual(['created', 'unchanged', 'refused'])
  })
})

describe('peers and status', () => {
  const peer: PeerInfo = {
    device: '4'.repeat(64),
    name: 'desk\u001btop',
    role: 'admin',
    addresses: ['/ip4/192.168.1.20/tcp/41234'],
    isConnected: true,
    lastSyncedAt: undefined
  }
  const status: StatusResult = {
    device: { device: '2'.repeat(64), name: 'laptop' },
    space: { id: '3'.repeat(64), name: 'family' },
    pid: 42,
    isListening: true,
    addresses: ['/ip4/0.0.0.0/tcp/41234'],
    connectedPeers: [],
    scope: '/acme/web',
    memories: { public: 12, private: 3, limit: 1000 },
    openConflicts: 1,
    pending: 2,
    notices: [],
    peers: { known: 1, connected: 0 }
  }
  const restored: Notice = { kind: 'epoch', reason: 'copied-or-restored', at: NOW }

  it('lists peers without what their names could do to a terminal', async () => {
    const { stdout } = await cis(['peers', 'list'], { streams: { 'peers.list': () => [peer] } })
    expect(stdout).toBe(`desk␛top\t${'4'.repeat(64)}\tadmin\tconnected\tnever\t/ip4/192.168.1.20/tcp/41234\n`)
  })

  it('names the next command when there are no peers', async () => {
    const { stderr } = await cis(['peers', 'list'], { streams: { 'peers.list': () => [] } })
    expect(stderr).toContain('Next: cis invite')
  })

  it('shows what needs attention first in its suggestions', async () => {
    const calls = { status: () => status }
    const { exitCode, stdout, stderr, opened } = await cis(['status'], { calls })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('12 public, 3 private')
    expect(stdout).toContain('1 conflict is open')
    expect(stdout).toContain('2 entries arrived')
    expect(stderr).toContain('Next: cis memory conflicts list')
    expect(opened).toMatchObject([{ scope: '/acme/web' }])
    expect((await cis(['status', '--json'], { calls })).records()).toMatchObject([
      { pid: 42, openConflicts: 1 }
    ])
  })

  it('shows that a store was copied, and that two copies of one have written', async () => {
    const fork = {
      kind: 'fork',
      deviceName: 'desk\u001btop',
      device: peer.device,
      actor: '5'.repeat(32)
    } as unknown as Notice
    const calls = { status: () => ({ ...status, notices: [restored, fork] }) }
    const { stdout } = await cis(['status'], { calls })
    expect(stdout).toContain(
      'notice     this store is a copy, or was put back from a backup. Since 2026-03-01 09:30 UTC'
    )
    expect(stdout).toContain('notice     two copies of the store of desk␛top have written under one name')
  })

  it('whatever command finds that out says so, also when it is to be quiet', async () => {
    const scene = { calls: { status: () => status }, notice: restored }
    expect((await cis(['-q', 'status'], scene)).stderr).toMatch(/^Notice: this store is a copy/)
    const { stderr } = await cis(['--json', 'status'], scene)
    expect(JSON.parse(stderr)).toEqual({ notice: restored })
  })

  it('does not take where counting stopped for a count', async () => {
    const memories = { public: 1000, private: 3, limit: 1000 }
    const { stdout } = await cis(['status'], { calls: { status: () => ({ ...status, memories }) } })
    expect(stdout).toContain('1000 or more public, 3 private')
  })

  it('needs no scope', async () => {
    const scene = { calls: { status: () => status }, projectScope: undefined }
    expect((await cis(['status'], scene)).opened).toMatchObject([{ scope: '/' }])
  })
})

describe('node run', () => {
  it('prints where it answers, and ends when the node does', async () => {
    let closed = 0
    const library: Partial<Library> = {
      runNode: async () => ({
        addresses: ['/ip4/127.0.0.1/tcp/41234'],
        ended: Promise.resolve(),
        close: async () => {
          closed++
        },
        [Symbol.asyncDispose]: async () => {}
      })
    }
    const { exitCode, stdout } = await cis(['node', 'run'], { library })
    expect({ exitCode, stdout, closed }).toEqual({
      exitCode: 0,
      stdout: '/ip4/127.0.0.1/tcp/41234\n',
      closed: 1
    })
    const json = await cis(['node', 'run', '--json'], { library })
    expect(json.records()).toMatchObject([{ type: 'listening', pid: process.pid }])
  })
})
