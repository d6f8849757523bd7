/**
 * How the guard puts things on record. It is apart from the rest of this package because nobody else may: whoever
 * could add to the log could also add what never happened.
 *
 * @packageDocumentation
 */
export { type AuditEvent, type AuditRecorder, recorderOf } from './audit-trail.ts'
