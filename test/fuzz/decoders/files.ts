/* Files of a home, and what is imported or answered by a model. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyFile, readHolder } from '@cis-memory/store/level'
import { readAnswer } from '../../../packages/cis-memory/src/ai/answer.ts'
import { parseConfig } from '../../../packages/cis-memory/src/config/config.ts'
import { PeerBook } from '../../../packages/cis-memory/src/holder/peer-book.ts'
import { planMarkdown } from '../../../packages/cis-memory/src/import/markdown.ts'
import { readJsonLines } from '../../../packages/cis-memory/src/import/read-json-lines.ts'
import { parseScopeFile } from '../../../packages/cis-memory/src/scope-file.ts'
import { readHeader } from '../../../packages/store/src/level/header.ts'
import { judgeLease } from '../../../packages/store/src/level/lease.ts'
import type { Decoder } from '../fuzz.ts'
import { NEVER, text, texts } from './examples.ts'

/** One directory for what is read from files, gone with the process. */
const folder = mkdtempSync(join(tmpdir(), 'cis-fuzz-'))
mkdirSync(join(folder, 'rows'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

function fileOf(name: string, content: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

export const files: readonly Decoder[] = [
  {
    name: 'store.json',
    seeds: () =>
      texts(
        '{"format":1,"id":"00","key":{"kind":"key-file","parameters":{"salt":""},"wrapped":""},"checksum":""}',
        '{}'
      ),
    decode: (input) => readHeader(join(fileOf('store.json', input), '..')),
    refuses: /^STORE_(?:DAMAGED|NEWER_FORMAT)$/
  },
  {
    name: 'holder.json',
    seeds: () => texts('{"pid":1,"startedAtMs":1,"socketPath":"/run/x"}'),
    decode: (input) => readHolder(join(fileOf('holder.json', input), '..')),
    refuses: NEVER
  },
  {
    name: 'lease',
    seeds: () => [new Uint8Array(48), new Uint8Array(66)],
    decode: async (input) => {
      fileOf('lease', input)
      await judgeLease(folder, new Uint8Array(32), input)
    },
    refuses: NEVER
  },
  {
    name: 'key file',
    seeds: () => [new Uint8Array(32), new Uint8Array(31)],
    decode: async (input) =>
      void (await keyFile(fileOf('key', input)).derive({ salt: 'AAAAAAAAAAAAAAAAAAAAAA==' })),
    refuses: /^STORE_KEY_FILE_DAMAGED$/
  },
  {
    name: 'peers.json',
    seeds: () =>
      texts(
        `{"peers":{"${'ab'.repeat(32)}":{"addresses":["/ip4/1.2.3.4/tcp/1/p2p/12D3x"],"lastSyncedAt":5}}}`
      ),
    decode: async (input) => void (await PeerBook.open(fileOf('peers.json', input))).addresses(),
    refuses: NEVER
  },
  {
    name: 'config.toml',
    seeds: () =>
      texts(
        '[device]\nname = "laptop"\n[node]\nlisten = ["/ip4/0.0.0.0/tcp/4001"]\nmdns = true\nshare = ["/acme"]\n',
        '[memory.conflict]\nconflict_window_secs = 30\nalert_open = 20\nnotify = ["/bin/x"]\n[[memory.policy]]\nscope = "/acme"\nkeys = "notes/**"\nmode = "manual"\n',
        '[guard]\nenforce_check = true\naudit_retention_days = 90\n[storage]\ndurability = "os"\n[memory.history]\nkeep_days = 30\n'
      ),
    decode: async (input) => void (await parseConfig('config.toml', text(input))),
    refuses: /^(?:CIS_BAD_CONFIG|GUARD_ENFORCEMENT_REQUIRED)$/
  },
  {
    name: '.cis.toml',
    seeds: () => texts('# the scope\nscope = "/acme/web"\n'),
    decode: (input) => void parseScopeFile('.cis.toml', text(input)),
    refuses: /^CIS_BAD_SCOPE_FILE$/
  },
  {
    name: 'json lines',
    seeds: () =>
      texts(
        '{"type":"memory","path":"a/b","domain":"public","kind":"value","value":{"a":[1]},"tags":["x"],"expiresAt":"2026-01-01T00:00:00.000Z"}\n',
        '{"type":"memory","path":"d","domain":"private","kind":"document","valueBase64":"AAA="}\n{"type":"memory","path":"c","domain":"public","kind":"value","value":1,"conflict":"aaaabbbbcccc"}\n',
        '{"type":"entity","name":"Ana","entityType":"person","observations":["likes tea"]}\n{"type":"relation","from":"Ana","to":"Bo","relationType":"knows"}\n'
      ),
    decode: async (input) => {
      for await (const item of readJsonLines('x.jsonl', chunksOf(input))) void item
    },
    refuses: /^CIS_IMPORT_(?:MALFORMED|TOO_LARGE)$/
  },
  {
    name: 'markdown',
    seeds: () =>
      texts(
        '---\ntitle: x\n---\n# Setup\n\nText with [a link](http://x) and `code`.\n\n## Usage ##\n\n```sh\n# no heading\n```\n',
        'Title\n=====\n\n<!-- # hidden -->\ntext\n\n# Setup\nagain\n# Setup\nand again\n'
      ),
    decode: (input) => void planMarkdown([{ name: 'docs/a.md', text: text(input) }]),
    refuses: NEVER
  },
  {
    name: 'answer of a model',
    seeds: () => texts('{"value":"merged","rationale":"both"}', '```json\n{"value":{"a":1}}\n```'),
    decode: (input) => void readAnswer(text(input), ['a']),
    refuses: /^CIS_AI_BAD_ANSWER$/
  }
]

async function* chunksOf(input: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < input.length; at += 1000) yield input.subarray(at, at + 1000)
}
