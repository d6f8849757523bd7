import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import { type MemoryValue, plainValue } from '../entry/value.ts'
import { MAX_LABEL_BYTES, MAX_PATH_BYTES, MAX_RATIONALE_BYTES } from '../limits.ts'
import type { MergeProposal } from '../versions.ts'

const FIELD_COUNT = 9

/*
 * [conflict id, path, value, content type, model, prompt hash, rationale, proposed at, refused at]; what is not there
 * is null.
 */

export function encodeProposalRow(proposal: MergeProposal): Uint8Array {
  return encodeCbor([
    proposal.conflictId,
    proposal.path,
    proposal.value,
    proposal.contentType ?? null,
    proposal.model,
    proposal.promptHash,
    proposal.rationale ?? null,
    proposal.proposedAt,
    proposal.refusedAt ?? null
  ])
}

export function decodeProposalRow(bytes: Uint8Array): MergeProposal {
  const fields = Fields.ofArray(decodeCbor(bytes), 'a row of a proposal', FIELD_COUNT)
  const optionalText = (key: number, maxBytes: number): string | undefined =>
    fields.value(key) === null ? undefined : fields.text(key, maxBytes)
  return {
    conflictId: fields.text(0, MAX_LABEL_BYTES),
    path: fields.text(1, MAX_PATH_BYTES),
    value: plainValue(fields.value(2)) as MemoryValue,
    contentType: optionalText(3, MAX_LABEL_BYTES),
    model: fields.text(4, MAX_LABEL_BYTES),
    promptHash: fields.text(5, MAX_LABEL_BYTES),
    rationale: optionalText(6, MAX_RATIONALE_BYTES),
    proposedAt: fields.integer(7, 0),
    refusedAt: fields.value(8) === null ? undefined : fields.integer(8, 0)
  }
}
