import type { StoredEntry } from '../../../packages/core/src/replica/stored-entry.ts'
import type { Acknowledged } from '../support/app.ts'
import type { Inspection } from './inspect.ts'

/** What is known of the entries of all devices, from all that was ever said or found. */
export class Records {
  /** The entry that has a dot. */
  readonly #byDot = new Map<string, string>()
  readonly #replaced = new Set<string>()

  get dots(): number {
    return this.#byDot.size
  }

  /** Whether something is known to have replaced an entry: a cleaning may have deleted it then. */
  isReplaced(entryId: string): boolean {
    return this.#replaced.has(entryId)
  }

  addReplaced(ids: Iterable<string>): void {
    for (const id of ids) this.#replaced.add(id)
  }

  /** Takes note of entries; answers which numbers are those of two (P6). */
  add(entries: Iterable<StoredEntry>): string[] {
    const complaints: string[] = []
    for (const { dot, id, header } of entries) {
      this.addReplaced(header.parents)
      const name = `${dot.actor} ${dot.n}`
      const known = this.#byDot.get(name) ?? id
      if (known !== id) complaints.push(`the number ${name} is that of ${known} and of ${id}`)
      this.#byDot.set(name, id)
    }
    return complaints
  }
}

/** What one device was told is durable. */
export class Ledger {
  readonly #records: Records
  readonly #entries = new Map<string, Acknowledged>()
  /** Paths of imports, which are not told of their entries. */
  readonly imported = new Set<string>()
  readonly words: string[] = []
  /** How far the audit log was known to go. */
  head: Acknowledged['head']

  constructor(records: Records) {
    this.#records = records
  }

  get count(): number {
    return this.#entries.size + this.imported.size + this.words.length
  }

  add(acknowledged: Acknowledged): void {
    const { domain, path, entryId, replaced = [], word, head } = acknowledged
    this.#records.addReplaced(replaced)
    if (word !== undefined) this.words.push(word)
    else if (domain === 'audit') this.head = head
    else if (entryId !== undefined) this.#entries.set(entryId, acknowledged)
    else if (domain === 'public') this.imported.add(path)
  }

  /** Acknowledged writes that are neither live nor in history, nor what a cleaning may delete (P11, P12). */
  missingFrom({ entries }: Inspection, isCleaned: boolean): string[] {
    return [...this.#entries.values()]
      .filter(
        ({ entryId = '' }) => !entries.has(entryId) && !(isCleaned && this.#records.isReplaced(entryId))
      )
      .map(({ domain, path, entryId }) => `${domain} ${path} ${entryId} is lost`)
  }
}
