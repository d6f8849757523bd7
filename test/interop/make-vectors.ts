/*
 * Makes the vectors from fixed seeds, a file of `make/` for each format. `vectors.test.ts` compares them with the files and
 * writes only files that are missing, when told to; see README.md.
 */

import { auditRecordCases, auditSealCases } from './make/audit.ts'
import type { Case } from './make/case.ts'
import { commitCases, invalidCommitCases, invalidProofCases, proofCases, treeCases } from './make/commits.ts'
import { headerCases, invalidHeaderCases } from './make/headers.ts'
import { conflictCases, invalidPathCases, pathCases, spaceKeyCases } from './make/names.ts'
import { alternativeCases, invalidPayloadCases, payloadCases } from './make/payloads.ts'
import { invalidRecordCases, recordCases } from './make/records.ts'
import { invalidSealedCases, sealedCases } from './make/sealed-payloads.ts'
import { invalidKeyCases, invalidSignatureCases, signatureCases } from './make/signatures.ts'
import { contextCases, invalidCborCases, valueCases } from './make/values.ts'

/** All vectors by the name of their file. */
export function makeVectors(): Record<string, readonly Case[]> {
  return {
    'valid/alternatives.json': alternativeCases(),
    'valid/audit-records.json': auditRecordCases(),
    'valid/audit-seals.json': auditSealCases(),
    'valid/commits.json': commitCases(),
    'valid/conflict-ids.json': conflictCases(),
    'valid/contexts.json': contextCases(),
    'valid/headers.json': headerCases(),
    'valid/paths.json': pathCases(),
    'valid/payloads.json': payloadCases(),
    'valid/proofs.json': proofCases(),
    'valid/records.json': recordCases(),
    'valid/sealed-payloads.json': sealedCases(),
    'valid/signatures.json': signatureCases(),
    'valid/space-keys.json': spaceKeyCases(),
    'valid/trees.json': treeCases(),
    'valid/values.json': valueCases(),
    'invalid/cbor.json': invalidCborCases(),
    'invalid/commits.json': invalidCommitCases(),
    'invalid/device-keys.json': invalidKeyCases(),
    'invalid/headers.json': invalidHeaderCases(),
    'invalid/paths.json': invalidPathCases(),
    'invalid/payloads.json': invalidPayloadCases(),
    'invalid/proofs.json': invalidProofCases(),
    'invalid/records.json': invalidRecordCases(),
    'invalid/sealed-payloads.json': invalidSealedCases(),
    'invalid/signatures.json': invalidSignatureCases()
  }
}
