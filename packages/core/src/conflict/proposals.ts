import { valueToWrite } from '../domains/labels.ts'
import { CoreError, StaleConflictError } from '../errors.ts'
import { MAX_LABEL_BYTES, MAX_RATIONALE_BYTES } from '../limits.ts'
import type { AbortOptions } from '../ports/channel.ts'
import { encodeProposalRow } from '../replica/proposal-row.ts'
import type { Replica } from '../replica/replica.ts'
import { proposalKey } from '../replica/rows.ts'
import { conflictOf } from '../replica/view.ts'
import type { Conflict, MergeProposal, Version } from '../versions.ts'
import type { Merge, Merger } from './conflict-types.ts'

/** A conflict by its id, with where it is. */
export interface LocatedConflict {
  readonly conflict: Conflict
  readonly token: Uint8Array
}

/** Has a conflict merged and stores what comes out, unless the conflict is another by then. */
export async function proposeMerge(
  replica: Replica,
  { conflict, token }: LocatedConflict,
  ancestor: Version | undefined,
  merger: Merger,
  { signal }: AbortOptions
): Promise<MergeProposal> {
  const merge = await merger({ conflict, ancestor, signal })
  signal?.throwIfAborted()
  const proposal: MergeProposal = {
    ...checkMerge(merge),
    conflictId: conflict.id,
    path: conflict.path,
    proposedAt: replica.runtime.now(),
    refusedAt: undefined
  }
  await store(replica, token, proposal)
  return proposal
}

export function proposalOf(
  replica: Replica,
  { conflict, token }: LocatedConflict
): Promise<MergeProposal | undefined> {
  return replica.view('public').proposalFor(conflict.id, token)
}

/** Refuses what was proposed. Refusing twice is refusing once. */
export async function refuseProposal(replica: Replica, located: LocatedConflict): Promise<void> {
  const proposal = await proposalOf(replica, located)
  if (proposal === undefined) throw noProposal()
  if (proposal.refusedAt !== undefined) return
  await store(replica, located.token, { ...proposal, refusedAt: replica.runtime.now() })
}

export function noProposal(): CoreError {
  return new CoreError(
    'CORE_PROPOSAL_NOT_FOUND',
    'there is no proposal for these versions, or it was refused; nothing was written. Have the conflict merged again, or choose a version'
  )
}

async function store(replica: Replica, token: Uint8Array, proposal: MergeProposal): Promise<void> {
  const view = replica.view('public')
  await replica.changeProposal({ path: proposal.path, token }, async (transaction) => {
    const read = await view.readOf(proposal.path, token, await transaction.live(token), transaction)
    const current = conflictOf(read)?.id
    if (current !== proposal.conflictId) throw new StaleConflictError(proposal.path, current)
    transaction.put(proposalKey(token), encodeProposalRow(proposal))
  })
}

type CheckedMerge = Pick<MergeProposal, 'value' | 'contentType' | 'model' | 'promptHash' | 'rationale'>

/** What a merger answers comes from outside: a model may say anything. */
function checkMerge({ value, contentType, model, promptHash, rationale }: Merge): CheckedMerge {
  checkText('content type', contentType ?? '', MAX_LABEL_BYTES)
  checkText('model', model, MAX_LABEL_BYTES)
  checkText('prompt hash', promptHash, MAX_LABEL_BYTES)
  checkText('rationale', rationale ?? '', MAX_RATIONALE_BYTES)
  const written = valueToWrite(value, contentType)
  return { value: written.value ?? null, contentType: written.contentType, model, promptHash, rationale }
}

function checkText(what: string, text: unknown, maxBytes: number): void {
  if (typeof text === 'string' && text.isWellFormed() && Buffer.byteLength(text) <= maxBytes) return
  throw new CoreError(
    'CORE_BAD_OPTION',
    `the ${what} of a merge is a text of at most ${maxBytes} bytes; nothing was stored`
  )
}
