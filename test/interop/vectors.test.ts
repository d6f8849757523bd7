import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { actorId, decodeContext, encodeContext } from '@cis-memory/clock'
import { SealingKey } from '@cis-memory/store'
import { describe, expect, it } from 'vitest'
import {
  decodeAuditRow,
  decodeBody,
  encodeBody,
  isUnaltered,
  nextRow
} from '../../packages/core/src/audit/audit-record.ts'
import { decodeSealRow, encodeSealRow } from '../../packages/core/src/audit/audit-seal.ts'
import { conflictId } from '../../packages/core/src/conflict/detect.ts'
import { equalBytes, fromHex, toHex } from '../../packages/core/src/entry/bytes.ts'
import { decodeCbor, encodeCbor } from '../../packages/core/src/entry/cbor.ts'
import { decodeCommit, isSignedBy, provesHeader } from '../../packages/core/src/entry/commit.ts'
import { type DeviceId, DeviceKey, deviceId, verifySignature } from '../../packages/core/src/entry/ed25519.ts'
import { sha256 } from '../../packages/core/src/entry/hash.ts'
import { decodeHeader, payloadContext } from '../../packages/core/src/entry/header.ts'
import { merkleLeaf, merkleRoot, merkleRootFromPath } from '../../packages/core/src/entry/merkle.ts'
import { type Path, PathTokens, parsePath } from '../../packages/core/src/entry/path.ts'
import {
  DELETED,
  decodePayload,
  encodeAlternative,
  encodePayload,
  openPayload,
  sealPayload
} from '../../packages/core/src/entry/payload.ts'
import { decodeRecord, hasValidSignature } from '../../packages/core/src/entry/records.ts'
import { deriveSpaceKeys } from '../../packages/core/src/entry/space-keys.ts'
import { plainValue } from '../../packages/core/src/entry/value.ts'
import type { EntryId } from '../../packages/core/src/versions.ts'
import { makeVectors } from './make-vectors.ts'

const here = (name: string): URL => new URL(`./${name}`, import.meta.url)
const made = makeVectors()

/** Set to make files that are missing. A file that exists is never touched. */
if (process.env.CIS_WRITE_VECTORS !== undefined) {
  for (const [name, cases] of Object.entries(made)) {
    if (!existsSync(here(name))) writeFileSync(here(name), `${JSON.stringify(cases, null, 2)}\n`)
  }
}

type Case = { readonly name: string } & { readonly [field: string]: string }

function read(name: string): Case[] {
  return JSON.parse(readFileSync(here(name), 'utf8')) as Case[]
}

const refusal = (code: string | undefined): unknown => expect.objectContaining({ code })

describe('the files', () => {
  it.each(Object.keys(made))('%s holds what the code makes today', (name) => {
    expect(read(name)).toEqual(made[name])
  })

  it('are all accounted for', () => {
    const files = ['valid', 'invalid'].flatMap((folder) =>
      readdirSync(here(folder)).map((name) => `${folder}/${name}`)
    )
    expect(files.sort()).toEqual(Object.keys(made).sort())
  })

  it.each(Object.keys(made))('%s names its cases apart', (name) => {
    const names = read(name).map((each) => each.name)
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('what is valid', () => {
  it.each(read('valid/values.json'))('a value: $name', ({ value, hex }) => {
    expect(toHex(encodeCbor(value))).toBe(hex)
    expect(plainValue(decodeCbor(fromHex(hex!)))).toEqual(value)
  })

  it.each(read('valid/contexts.json'))('a context: $name', ({ rows, hex }) => {
    const context = new Map((rows as unknown as [string, number][]).map(([who, n]) => [actorId(who), n]))
    expect(toHex(encodeContext(context))).toBe(hex)
    expect(decodeContext(fromHex(hex!))).toEqual(context)
  })

  it.each(read('valid/paths.json'))('a path: $name', ({ pathKey, typed, path, token }) => {
    expect(parsePath(typed!)).toBe(path)
    expect(toHex(new PathTokens(fromHex(pathKey!)).of(path as Path))).toBe(token)
  })

  it.each(read('valid/space-keys.json'))(
    '$name',
    ({ secret, space, pathKey, contentKeyId, handshakeKey, topic }) => {
      const keys = deriveSpaceKeys(fromHex(secret!), fromHex(space!))
      const path = parsePath('/a/b')
      expect(toHex(keys.tokens.of(path))).toBe(toHex(new PathTokens(fromHex(pathKey!)).of(path)))
      expect([keys.contentKeyId, toHex(keys.handshakeKey), keys.topic]).toEqual([
        contentKeyId,
        handshakeKey,
        topic
      ])
    }
  )

  it.each(read('valid/alternatives.json'))('an alternative: $name', ({ hex, ...said }) => {
    const bytes = encodePayload({
      path: parsePath('/a'),
      alternatives: [asAlternative(said)],
      agent: undefined,
      sources: [],
      isOverwrite: false,
      dropped: new Map()
    })
    expect(toHex(encodeAlternative(decodePayload(bytes).alternatives[0]!))).toBe(hex)
  })

  it.each(read('valid/payloads.json'))(
    'a payload: $name',
    ({ name: _, hex, alternatives, agent, dropped, ...said }) => {
      const payload = decodePayload(fromHex(hex!))
      expect(payload).toEqual({
        ...said,
        alternatives: (alternatives as unknown as Record<string, unknown>[]).map(asAlternative),
        agent: agent ?? undefined,
        dropped: new Map(dropped as unknown as [string, number][])
      })
      expect(toHex(encodePayload(payload))).toBe(hex)
    }
  )

  it.each(read('valid/sealed-payloads.json'))(
    'a sealed payload: $name',
    ({ key, associatedData, payload, random, sealed }) => {
      const sealing = new SealingKey(fromHex(key!))
      const context = fromHex(associatedData!)
      expect(toHex(openPayload(sealing, fromHex(sealed!), context))).toBe(payload)
      if (random !== null) {
        expect(toHex(sealPayload(sealing, fromHex(payload!), context, fromHex(random!)))).toBe(sealed)
      }
    }
  )

  it.each(read('valid/headers.json'))('a header: $name', ({ name: _name, hex, cipher, ...said }) => {
    const header = decodeHeader(fromHex(hex!))
    expect({
      ...header,
      n: header.dot.n,
      actor: header.dot.actor,
      hlc: String(header.hlc),
      context: [...header.context],
      path: toHex(header.path),
      cipherHash: toHex(header.cipherHash),
      digest: toHex(header.digest),
      associatedData: toHex(payloadContext(header))
    }).toMatchObject(said)
    expect(toHex(sha256(fromHex(cipher!)))).toBe(said.cipherHash)
  })

  it.each(read('valid/commits.json'))('a commit: $name', (said) => {
    const commit = decodeCommit(fromHex(said.hex!), fromHex(said.signature!))
    expect({
      ...commit,
      hlc: String(commit.hlc),
      root: toHex(commit.root),
      previous: commit.previous ?? null
    }).toMatchObject({
      space: said.space,
      actor: said.actor,
      first: said.first,
      size: said.size,
      root: said.root,
      previous: said.previous,
      hlc: said.hlc,
      id: said.id
    })
    expect(isSignedBy(commit, said.device as DeviceId)).toBe(true)
  })

  it.each(read('valid/trees.json'))('a tree: $name', ({ leaves, root, paths }) => {
    const all = (leaves as unknown as string[]).map(fromHex)
    expect(all.map(toHex)).toEqual(all.map((_, i) => toHex(merkleLeaf(sha256(Uint8Array.of(i))))))
    expect(toHex(merkleRoot(all))).toBe(root)
    for (const [index, path] of (paths as unknown as string[]).entries()) {
      const reached = merkleRootFromPath(all[index]!, index, all.length, fromHex(path))
      expect(reached !== undefined && equalBytes(reached, fromHex(root!))).toBe(true)
    }
  })

  it.each(read('valid/proofs.json'))('a proof: $name', (said) => {
    expect(isProof(said)).toBe(true)
  })

  it.each(read('valid/records.json'))('a record: $name', (said) => {
    const record = decodeRecord(fromHex(said.hex!), fromHex(said.signature!))
    expect([record.kind, record.space, record.id]).toEqual([said.kind, said.space, said.id])
    if ('actor' in record) expect(record.actor).toBe(said.actor)
    if (record.kind !== 'fork') {
      expect(record.device).toBe(said.device)
      expect(hasValidSignature(record)).toBe(true)
    }
  })

  it.each(read('valid/signatures.json'))('a signature: $name', ({ publicKey, message, signature }) => {
    expect(verifySignature(deviceId(fromHex(publicKey!)), fromHex(message!), fromHex(signature!))).toBe(true)
  })

  it.each(read('valid/conflict-ids.json'))('a conflict: $name', ({ path, versions, id }) => {
    const live = (versions as unknown as { entryId: EntryId; valueCount: number }[]).map(
      ({ entryId, valueCount }) => ({
        entryId,
        dot: entryId,
        alternatives: Array.from({ length: valueCount }, () => DELETED)
      })
    )
    expect(conflictId(fromHex(path!), live)).toBe(id)
  })

  it.each(read('valid/audit-records.json'))('an audit record: $name', (said) => {
    const seq = Number(said.seq)
    const row = decodeAuditRow(seq, fromHex(said.row!))
    expect([toHex(row.previous), toHex(row.digest)]).toEqual([said.previous, said.digest])
    expect(isUnaltered(row)).toBe(true)
    expect(nextRow({ seq: seq - 1, digest: row.previous }, fromHex(said.body!))).toEqual(row)
    const body = decodeBody(row.body)
    const places = body.places.map(({ domain, token, entryIds }) => ({
      domain,
      token: toHex(token),
      entryIds
    }))
    const { at, kind, scope, conflictCount, conflicts } = body
    expect(said).toMatchObject({ at, kind, scope, conflictCount, conflicts, places })
    expect([body.agent ?? null, body.code ?? null, body.of ?? null]).toEqual([said.agent, said.code, said.of])
    expect(toHex(encodeBody(body))).toBe(said.body)
  })

  it.each(read('valid/audit-seals.json'))('an audit seal: $name', (said) => {
    const seal = decodeSealRow(said.device as DeviceId, fromHex(said.row!))
    expect(seal).toEqual({
      base: { seq: said.base, digest: fromHex(said.baseDigest!) },
      head: { seq: said.head, digest: fromHex(said.headDigest!) },
      at: said.at
    })
    expect(toHex(encodeSealRow(new DeviceKey(fromHex(said.seed!)), seal!))).toBe(said.row)
  })
})

describe('what is refused', () => {
  const refuses: Record<string, (said: Case) => unknown> = {
    cbor: ({ hex }) => decodeCbor(fromHex(hex!)),
    commits: ({ hex, signature }) => decodeCommit(fromHex(hex!), fromHex(signature!)),
    'device-keys': ({ hex }) => deviceId(fromHex(hex!)),
    headers: ({ hex }) => decodeHeader(fromHex(hex!)),
    paths: ({ text }) => parsePath(text!),
    payloads: ({ hex }) => decodePayload(fromHex(hex!)),
    records: ({ hex, signature }) => decodeRecord(fromHex(hex!), fromHex(signature!)),
    'sealed-payloads': ({ key, sealed, associatedData }) =>
      openPayload(new SealingKey(fromHex(key!)), fromHex(sealed!), fromHex(associatedData!))
  }

  describe.each(Object.keys(refuses))('%s', (name) => {
    it.each(read(`invalid/${name}.json`))('$name', (said) => {
      expect(() => refuses[name]!(said)).toThrow(refusal(said.code))
    })
  })

  it.each(read('invalid/signatures.json'))('a signature: $name', ({ publicKey, message, signature }) => {
    expect(verifySignature(deviceId(fromHex(publicKey!)), fromHex(message!), fromHex(signature!))).toBe(false)
  })

  it.each(read('invalid/proofs.json'))('a proof: $name', (said) => {
    expect(isProof(said)).toBe(false)
  })
})

function isProof(said: Case): boolean {
  const commit = decodeCommit(fromHex(said.commit!), fromHex(said.signature!))
  const header = decodeHeader(fromHex(said.header!))
  return (
    provesHeader({ commit, path: fromHex(said.path!) }, header) && isSignedBy(commit, said.device as DeviceId)
  )
}

function asAlternative(said: Readonly<Record<string, unknown>>): typeof DELETED {
  const { kind, contentType, category, tags, expiresAt } = said
  const value = typeof said.bytes === 'string' ? fromHex(said.bytes) : said.value
  return {
    kind,
    contentType: contentType ?? undefined,
    value: kind === 'deleted' ? undefined : value,
    category: category ?? undefined,
    tags,
    expiresAt: expiresAt ?? undefined
  } as typeof DELETED
}
