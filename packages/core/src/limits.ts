/*
 * Every bound of the memory model and the sync protocol, with its unit and its reason. Bounds that both ends
 * must agree on are part of the protocol; the others may change with a release.
 */

/** A value in its stored form. Larger things belong in a file, with a memory that points at it. */
export const MAX_VALUE_BYTES: number = 1024 * 1024
/** A payload: the values of one entry with their path, labels and tags. */
export const MAX_PAYLOAD_BYTES: number = MAX_VALUE_BYTES + 64 * 1024
/** A sealed payload: nonce, tag, length prefix and padding on top. */
export const MAX_CIPHER_BYTES: number = MAX_PAYLOAD_BYTES + 128
/** An entry header: 512 context rows and 64 parents fit. */
export const MAX_HEADER_BYTES: number = 16 * 1024
/** A frame of the sync protocol: the largest entry with its proof, and room for a small one beside it. */
export const MAX_FRAME_BYTES: number = MAX_CIPHER_BYTES + 2 * MAX_HEADER_BYTES + 64 * 1024

/** Versions one write may replace; more siblings than this are settled in steps. */
export const MAX_PARENTS: number = 64
/** Entries in one commit: what one signature and one fsync vouch for. */
export const MAX_COMMIT_ENTRIES: number = 64
/** Values of one entry: as many as an undo can bring back. */
export const MAX_ALTERNATIVES: number = 64

/** Versions that a curated memory says it was made from. */
export const MAX_SOURCES: number = 64

/** Segments of a path, and bytes of one segment. */
export const MAX_PATH_SEGMENTS: number = 16
export const MAX_SEGMENT_BYTES: number = 255
/** A path as text, and κ: a token of 16 bytes a segment. */
export const MAX_TOKEN_BYTES: number = MAX_PATH_SEGMENTS * 16
export const MAX_PATH_BYTES: number = MAX_PATH_SEGMENTS * (MAX_SEGMENT_BYTES + 1)
/** Tags of a memory, and bytes of a tag, a category, a content type, an agent label or a device name. */
export const MAX_TAGS: number = 64
export const MAX_LABEL_BYTES: number = 255
/** Nesting of a JSON value: deeper ones overflow stacks elsewhere. */
export const MAX_VALUE_DEPTH: number = 64

/** How far ahead of our clock an entry may be before it waits, and a local write before it fails. */
export const MAX_CLOCK_AHEAD_MS: number = 10 * 60 * 1000

/** Entries and bytes held until their proofs arrive. Beyond either, the oldest is dropped and asked for again. */
export const MAX_HELD_ENTRIES: number = 4096
export const MAX_HELD_BYTES: number = 64 * 1024 * 1024
/** Signed system records of a space: members, epochs and fork proofs. */
export const MAX_RECORD_BYTES: number = 4096

/** A page of the feed is sent when it has this many bytes or entries. */
export const PAGE_BYTES: number = 256 * 1024
export const PAGE_ENTRIES: number = 1024
/** Paths in one request for single memories. */
export const MAX_REQUEST_PATHS: number = 256
/** A sync session that hears nothing for this long ends. */
export const SESSION_IDLE_MS: number = 30_000

/** Entries up to this size travel whole in a broadcast; larger ones are only announced. */
export const MAX_GOSSIP_ENTRY_BYTES: number = 64 * 1024
/** One broadcast message. */
export const MAX_GOSSIP_MESSAGE_BYTES: number = 256 * 1024

/** Live entries that a domain keeps opened for its next reads and writes. */
export const MAX_KEPT_LIVE_BYTES: number = 32 * 1024 * 1024
/** Paths whose last read a handle remembers as the base of its next write. */
export const MAX_REMEMBERED_BASES: number = 16_384
/** An open document is saved this long after its last change, and after this long at the latest. */
export const DOC_SAVE_DELAY_MS: number = 500
export const DOC_SAVE_MAX_DELAY_MS: number = 5_000
/** Open invitations of one device. */
export const MAX_OPEN_INVITATIONS: number = 64

/** Conflicts that one audit record names; it counts the others. A member can make as many as it likes. */
export const MAX_AUDIT_CONFLICTS: number = 64
/** How long audit records are kept unless the owner says otherwise. */
export const AUDIT_RETENTION_MS: number = 90 * 24 * 3600 * 1000
/** Old audit records that go with each new one: keeps up with any age, without a long wait. */
export const MAX_AUDIT_TRIM_RECORDS: number = 64
/** Names of places that one reader of the audit log remembers. */
export const MAX_AUDIT_NAMES: number = 4096
/** Conflict policies of one device, and characters of a pattern in one: a read of a conflict tries them all. */
export const MAX_CONFLICT_POLICIES: number = 256
export const MAX_POLICY_PATTERN_CHARACTERS: number = 1024
/** The reason a merger gives with its proposal. */
export const MAX_RATIONALE_BYTES: number = 16 * 1024
/** Versions that the record of an ended conflict names. */
export const MAX_RECORDED_VERSIONS: number = 64
/** How long replaced versions stay, unless the settings say otherwise and at the least, and how many whatever their age. */
export const DEFAULT_HISTORY_DAYS: number = 90
export const MIN_HISTORY_DAYS: number = 30
export const DEFAULT_HISTORY_VERSIONS: number = 10
/** Versions that one batch of a cleaning deletes: a write waits for one batch at most. */
export const MAX_CLEAN_BATCH_ROWS: number = 256
/** Looks at one path whose live versions keep changing under a cleaning; what is left comes with the next. */
export const MAX_CLEAN_ATTEMPTS: number = 3
/** Versions of one path that a cleaning has in mind at once; those beyond come with its next look. */
export const MAX_CLEAN_ROWS: number = 16_384
/** Parents that a cleaning looks out for at once. What it loses sight of stays. */
export const MAX_TRACED_IDS: number = 65_536
/** How long ended conflicts stay listed unless the settings say otherwise. */
export const DEFAULT_CONFLICT_RETENTION_MS: number = 90 * 24 * 60 * 60 * 1000
/** Rows that are read to find damage: some seconds. */
export const MAX_CHECKED_ROWS: number = 100_000
/** Records of ended conflicts, and of ids that conflicts have had, that are dropped at once when their time is over. */
export const MAX_PRUNED_RECORDS: number = 16
