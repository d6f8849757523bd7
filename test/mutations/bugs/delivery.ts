import type { Mutation } from '../mutation.ts'

const GUARD = 'packages/guard/src/conflict-guard.ts'
const GUARD_TEST = 'packages/guard/test/conflict-guard.test.ts'
const CONTEXT_TEST = 'packages/guard/test/safe-memory-context.test.ts'

/** What agents are handed, and what other programs reach. */
export const DELIVERY: readonly Mutation[] = [
  {
    name: 'guard-without-snapshot',
    bug: 'what is delivered is read after the check, from memory as it is by then',
    breaks: ['P33'],
    file: GUARD,
    text: 'const selected = await select(snapshot, view, request, lifetime.startedAt)',
    becomes: `const now: typeof snapshot = Object.assign(Object.create(snapshot), {
        get: (domain: 'public' | 'private', path: string) => view[domain].get(path),
        list: (domain: 'public' | 'private', options: object) => view[domain].list(options)
      })
      const selected = await select(now, view, request, lifetime.startedAt)`,
    tests: [GUARD_TEST, 'packages/guard/test/delivery-model.test.ts']
  },
  {
    name: 'guard-without-check',
    bug: 'a context is made though something in the scope is contested',
    breaks: ['P33'],
    file: GUARD,
    text: 'if (notifications.length > 0) throw',
    becomes: 'if (notifications.length > 1) throw',
    tests: [GUARD_TEST]
  },
  {
    name: 'fresh-after-a-conflict',
    bug: 'a context calls itself fresh though a conflict has reached its scope',
    breaks: ['P33'],
    file: 'packages/guard/src/context-lifetime.ts',
    text: 'return this.#conflict === undefined && this.#whyEnded() === undefined',
    becomes: 'return this.#whyEnded() === undefined',
    tests: [CONTEXT_TEST]
  },
  {
    name: 'agent-started-unasked',
    bug: 'an agent is started without asking its scope again',
    breaks: ['P33'],
    file: 'packages/guard/src/agent-executor.ts',
    text: '    await lifetime.checkStartable(options.signal)\n',
    becomes: '',
    tests: ['packages/guard/test/agent-executor.test.ts']
  },
  {
    name: 'agent-overwrites-the-unseen',
    bug: 'an agent replaces what is there by now, not what it was shown',
    breaks: ['P18'],
    file: 'packages/guard/src/safe-memory-context.ts',
    text: 'written = await write(view[domain], { base, agent })',
    becomes: 'written = await write(view[domain], { base: now.base, agent })',
    tests: [CONTEXT_TEST]
  },
  {
    name: 'memory-out-of-its-frame',
    bug: 'what a memory says can end its block in a prompt and begin another',
    breaks: ['prompts'],
    file: 'packages/guard/src/render.ts',
    text: "return line.replace(UNSEEN, writtenOut).replace(DELIMITER, '<\\\\')",
    becomes: 'return line.replace(UNSEEN, writtenOut)',
    tests: ['packages/guard/test/render.test.ts']
  },
  {
    name: 'audit-after-delivery',
    bug: 'an agent is given memory before that is on record',
    breaks: ['audit'],
    file: GUARD,
    text: "attempt.of = await audit.record({ kind: 'delivery', agent, scope, memories })",
    becomes: "void audit.record({ kind: 'delivery', agent, scope, memories }).catch(() => undefined)",
    tests: ['packages/guard/test/audit.test.ts']
  },
  {
    name: 'audit-records-unchained',
    bug: 'a record of the audit log can be put in the place of another',
    breaks: ['audit'],
    file: 'packages/core/src/audit/verify-chain.ts',
    text: "  if (!equalBytes(row.previous, last.digest)) return [last === base ? row.seq : last.seq, 'altered']\n",
    becomes: "  if (row === base) return [row.seq, 'altered']\n",
    tests: ['packages/core/test/audit/audit-log.test.ts']
  },
  {
    name: 'context-of-another-copy',
    bug: 'an executor takes a context that another guard has made',
    breaks: ['P33'],
    file: 'packages/guard/src/agent-executor.ts',
    text: 'if (admission.guard !== this.#guard) throw uncheckedContextError()',
    becomes: 'if (admission.guard === undefined) throw uncheckedContextError()',
    tests: ['packages/guard/test/agent-executor.test.ts', 'packages/guard/test/bypass.test.ts']
  },
  {
    name: 'local-socket-without-scope',
    bug: 'whoever connects to the local socket reaches the whole space',
    breaks: ['P22', 'local socket'],
    file: 'packages/cis-memory/src/holder/holder.ts',
    text: 'const memory = this.root.within(connection.scope)',
    becomes: "const memory = this.root.within('/')",
    tests: [
      'packages/cis-memory/test/session/session.test.ts',
      'packages/cis-memory/test/open-session.test.ts'
    ]
  },
  {
    name: 'local-socket-without-proof',
    bug: 'whoever finds the local socket may use it',
    breaks: ['local socket'],
    file: 'packages/cis-memory/src/local-socket/connection.ts',
    text: "      requireProof('client', key, facts, proof)\n",
    becomes: '',
    tests: ['packages/cis-memory/test/local-socket/local-socket.test.ts']
  }
]
