import type { MemoryDocument } from '../documents/memory-document.ts'
import { type Path, resolvePath } from '../entry/path.ts'
import type { MemoryDoc, PublicMemory } from '../memory-types.ts'
import type { AbortOptions } from '../ports/channel.ts'
import type { Replica } from '../replica/replica.ts'
import { DomainHandle } from './domain-handle.ts'

type DocumentsModule = typeof import('../documents/memory-document.ts')

/** Loaded with the first document of a process. Importing it each time would have each document wait for the loader. */
let documents: DocumentsModule | undefined

/** Public memory within a scope: values, and documents that merge by themselves. */
export class PublicHandle extends DomainHandle implements PublicMemory {
  readonly #open = new Set<MemoryDocument>()
  readonly #wider: PublicHandle | undefined

  /** @param wider the handle this one was narrowed from: closing that one closes the documents of this one too */
  constructor(replica: Replica, scope: Path, wider?: PublicHandle) {
    super(replica, 'public', scope)
    this.#wider = wider
  }

  async doc(path: string, options: AbortOptions = {}): Promise<MemoryDoc> {
    options.signal?.throwIfAborted()
    documents ??= await import('../documents/memory-document.ts')
    const document = new documents.MemoryDocument(this.replica, resolvePath(this.scope, path), () => {
      this.#forget(document)
    })
    this.#remember(document)
    try {
      await document.load()
    } catch (error) {
      await document.close()
      throw error
    }
    return document
  }

  /**
   * Saves and closes the documents opened through this handle and narrower ones. One that cannot be saved does not
   * keep the others from it.
   */
  async closeDocuments(): Promise<void> {
    const outcomes = await Promise.allSettled([...this.#open].map((document) => document.close()))
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  #remember(document: MemoryDocument): void {
    this.#open.add(document)
    if (this.#wider !== undefined) this.#wider.#remember(document)
  }

  #forget(document: MemoryDocument): void {
    this.#open.delete(document)
    if (this.#wider !== undefined) this.#wider.#forget(document)
  }
}
