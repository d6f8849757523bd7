import { MemoryDocument } from '../documents/memory-document.ts'
import { type Path, resolvePath } from '../entry/path.ts'
import type { MemoryDoc, PublicMemory } from '../memory-types.ts'
import type { AbortOptions } from '../ports/channel.ts'
import type { Replica } from '../replica/replica.ts'
import { DomainHandle } from './domain-handle.ts'

/** Public memory within a scope: values, and documents that merge by themselves. */
export class PublicHandle extends DomainHandle implements PublicMemory {
  readonly #open = new Set<MemoryDocument>()

  constructor(replica: Replica, scope: Path) {
    super(replica, 'public', scope)
  }

  async doc(path: string, options: AbortOptions = {}): Promise<MemoryDoc> {
    options.signal?.throwIfAborted()
    const document = new MemoryDocument(this.replica, resolvePath(this.scope, path), () => {
      this.#open.delete(document)
    })
    this.#open.add(document)
    try {
      await document.load()
    } catch (error) {
      await document.close()
      throw error
    }
    return document
  }

  /** Saves and closes the documents opened through this handle. */
  async closeDocuments(): Promise<void> {
    for (const document of [...this.#open]) await document.close()
  }
}
