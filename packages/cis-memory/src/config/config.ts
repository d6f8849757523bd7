import type { ConflictSettings, HistorySettings } from '@cis-memory/core'
import { stringify } from 'smol-toml'
import * as v from 'valibot'
import { given } from '../given.ts'
import { MIN_HISTORY_DAYS } from '../limits.ts'
import { scope, text, wholeNumber } from '../validation.ts'
import { type AiSettings, aiSection, aiSettings } from './ai.ts'
import { conflictSection, conflictSettings, DAY_MS, policySections } from './conflict.ts'
import { lineOfKey } from './locate.ts'
import { parseToml, readSmallFile } from './toml-file.ts'

/** What `config.toml` says, with defaults filled in. Keys are snake_case there and camelCase here. */
export interface CisConfig {
  readonly device: {
    /** What others call this device. @default the host's name, as `init` found it */
    readonly name: string | undefined
  }
  readonly node: {
    /** Addresses to listen on. @default none: this device only dials */
    readonly listen: readonly string[]
    /** Find peers on the local network. @default false */
    readonly mdns: boolean
    /** Peers to dial at the start. */
    readonly bootstrap: readonly string[]
    /** Scopes that members may ask for; `[]` answers nobody. @default the whole space */
    readonly share: readonly string[]
  }
  readonly guard: {
    readonly enforceCheck: true
    /** How long it is on record what agents were given. @default 90 days */
    readonly auditRetentionMs: number
  }
  readonly storage: {
    /** @default 'disk' */
    readonly durability: 'disk' | 'os'
  }
  readonly memory: {
    /** Compress public memory where that saves. @default true */
    readonly compression: boolean
    /** What this device makes of conflicts. @default it leaves all of them to people */
    readonly conflict: ConflictSettings
    /** What `cis memory history --clean` leaves. @default 90 days and 10 versions */
    readonly history: HistorySettings
    /** A program that is told of conflicts, with its arguments. @default none */
    readonly notify: readonly string[]
  }
  /** The model that merges conflicts and adapts memory. @default none: nothing is sent to one */
  readonly ai: AiSettings | undefined
}

const address = v.pipe(
  v.string(),
  v.regex(
    /^\/(?:ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d+(?:\/.*)?$/u,
    'must be an address such as "/ip4/0.0.0.0/tcp/41234"'
  )
)
const addresses = v.array(address, 'must be a list of addresses such as ["/ip4/0.0.0.0/tcp/41234"]')
/** The file as it stands. */
const configFile = v.strictObject({
  device: v.optional(v.strictObject({ name: v.optional(text) })),
  node: v.optional(
    v.strictObject({
      listen: v.optional(addresses),
      mdns: v.optional(v.boolean()),
      bootstrap: v.optional(addresses),
      share: v.optional(v.array(scope, 'must be a list of scopes such as ["/acme/web"]'))
    })
  ),
  guard: v.optional(
    v.strictObject({
      enforce_check: v.optional(v.unknown()),
      audit_retention_days: v.optional(wholeNumber(1))
    })
  ),
  storage: v.optional(v.strictObject({ durability: v.optional(v.picklist(['disk', 'os'])) })),
  memory: v.optional(
    v.strictObject({
      compression: v.optional(v.boolean()),
      conflict: v.optional(conflictSection),
      history: v.optional(
        v.strictObject({
          keep_days: v.optional(wholeNumber(MIN_HISTORY_DAYS)),
          keep_versions: v.optional(wholeNumber(0))
        })
      ),
      policy: v.optional(policySections)
    })
  ),
  ai: v.optional(aiSection)
})

/**
 * Reads the text of a `config.toml`.
 *
 * @throws {ConfigError} `CIS_BAD_CONFIG`, naming file, line, key and what is allowed
 * @throws {GuardError} `GUARD_ENFORCEMENT_REQUIRED` when it would turn the guard off
 */
export async function parseConfig(file: string, text: string): Promise<CisConfig> {
  const { device, node, guard, storage, memory, ai } = parseToml('CIS_BAD_CONFIG', configFile, file, text)
  if (guard !== undefined && 'enforce_check' in guard && guard.enforce_check !== true) {
    const { GuardError } = await import('@cis-memory/guard')
    throw new GuardError(
      'GUARD_ENFORCEMENT_REQUIRED',
      `${file}:${lineOfKey(text, ['guard', 'enforce_check'])}: guard.enforce_check can only be true, so nothing was started. Set it to true or leave it out`
    )
  }
  return {
    device: { name: device?.name },
    node: {
      listen: node?.listen ?? [],
      mdns: node?.mdns ?? false,
      bootstrap: node?.bootstrap ?? [],
      share: node?.share ?? ['/']
    },
    guard: { enforceCheck: true, auditRetentionMs: (guard?.audit_retention_days ?? 90) * DAY_MS },
    storage: { durability: storage?.durability ?? 'disk' },
    memory: {
      compression: memory?.compression ?? true,
      conflict: conflictSettings(memory?.conflict, memory?.policy),
      history: given({
        keepDays: memory?.history?.keep_days,
        keepVersions: memory?.history?.keep_versions
      }),
      notify: memory?.conflict?.notify ?? []
    },
    ai: aiSettings(file, ai)
  }
}

/**
 * Reads a `config.toml`; without one, everything is as by default.
 *
 * @throws {ConfigError} `CIS_BAD_CONFIG`
 */
export async function readConfig(file: string): Promise<CisConfig> {
  return parseConfig(file, (await readSmallFile(file, 'CIS_BAD_CONFIG')) ?? '')
}

/** What only this machine can reach. A device that listens nowhere else has nothing to announce on the network. */
const LOOPBACK = /^\/(ip4\/127\.|ip6\/::1\/)/

/** The first `config.toml` of a home: what was chosen, and every other option with its default in a comment. */
export function defaultConfigText(chosen: {
  readonly device: string
  readonly listen: readonly string[]
}): string {
  return `# Configuration of this device. Changes count from the next start.

[device]
# What your other devices call this one.
${stringify({ name: chosen.device }).trimEnd()}

[node]
# Where this device listens. The port was picked once, so that peers find it again.
${stringify({ listen: chosen.listen }).trimEnd()}
# Find peers on the local network, and be found there.
mdns = ${chosen.listen.some((address) => !LOOPBACK.test(address))}
# Peers to dial at the start, as "/ip4/…/tcp/…/p2p/…".
bootstrap = []
# Scopes that members of the space may ask for. [] answers nobody.
share = ["/"]

[guard]
# No memory reaches an agent while it is contested. This cannot be turned off.
enforce_check = true
# How long it is on record what agents were given and wrote.
audit_retention_days = 90

[storage]
# "disk": a write is done once it is on disk. "os": faster, and a power cut may take the last moments.
durability = "disk"

[memory]
# Compress public memory where that saves. Sizes then tell a little of what is in it: see docs/threat-model.md.
compression = true

[memory.conflict]
# What is read where versions differ and nobody has decided: "manual" leaves it open, "auto_lww" takes the latest,
# "keep_all" gives all of them, "ai_merge" has the model of [ai] propose a merge, for you to accept.
mode = "manual"
# With "ai_merge": read what was proposed without asking you.
# auto = true
# Tell of a value that another device replaces this soon after it was written.
# conflict_window_secs = 30
# Tell when this many conflicts are open, and when this many were noticed within a day.
# alert_open = 20
# alert_per_day = 50
# How long ended conflicts stay listed. Open ones never expire.
conflict_retention_days = 90
# A program to tell of conflicts, as JSON on its standard input, with its arguments.
# notify = ["/usr/local/bin/on-conflict"]

# What counts for some memories instead of the mode above; the first that matches. The pattern is a glob on the path below
# the scope: "*" stands for one segment, "**" for any number.
# [[memory.policy]]
# scope = "/acme/web"
# pattern = "log/**"
# resolution = "auto_lww"
# auto = true # with "ai_merge" alone

[memory.history]
# What "cis memory history --clean" leaves; nothing is deleted before you run it.
# Every version for so many days after it was replaced, at least 30.
keep_days = 90
# And so many replaced versions of each memory, however old.
keep_versions = 10

[ai]
# A model that merges conflicts and adapts memory. Nothing is sent to any unless one is named here. It may be any server
# that speaks OpenAI's chat completions, on this machine too: "http://127.0.0.1:11434/v1".
# base_url = "https://api.openai.com/v1"
# model = "gpt-5-mini"
# A file with the key of the server, which you alone can read (chmod 600).
# api_key_file = "ai-key"
# How long an answer may take, in seconds.
# timeout_secs = 60
`
}
