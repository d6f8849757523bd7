/*
 * Bounds of the sync and join protocols beside those of `../limits.ts`, with their units and reasons. All of them
 * are part of the protocol: a peer that exceeds one has its session ended.
 */
import { MAX_FRAME_BYTES } from '../limits.ts'

/** Versions and capabilities that one hello may list. */
export const MAX_VERSIONS = 16
export const MAX_CAPABILITIES = 64
/** System records that prove one device's membership. */
export const MAX_CREDENTIALS = 64
/** System records and commits of one batch; every entry of a full page may have a commit of its own. */
export const MAX_BATCH_RECORDS = 1024
export const MAX_BATCH_COMMITS = 4096
/** Records, commits and headers of a batch when inflated: what they would have as the only content of a frame. */
export const MAX_ENVELOPE_BYTES: number = MAX_FRAME_BYTES
/** An envelope above this size is worth deflating. */
export const DEFLATE_FROM_BYTES = 1024
/** Pages in a row that bring nothing, while a peer looks for what we may see. */
export const MAX_EMPTY_PAGES = 1024
/** Pages one sync may take, 16 GiB at the usual size. The next sync goes on where it stopped. */
export const MAX_SYNC_PAGES = 65_536
/** Times that a peer may say in one sync that its feed is another than it was. */
export const MAX_FEED_CHANGES = 4
/** Frames that wait to be sent before we stop reading: an honest session never has as many. */
export const MAX_QUEUED_FRAMES = 8
/** How long a session that ends waits for its last frame to leave. */
export const GOODBYE_MS = 1_000
/** A code that an error message names. */
export const MAX_CODE_BYTES = 64

/** Addresses in an invitation, and bytes of one. */
export const MAX_INVITATION_ADDRESSES = 16
export const MAX_ADDRESS_BYTES = 255
/** The longest invitation code: all addresses at their longest, in base32. */
export const MAX_INVITATION_CHARACTERS = 8192
/** System records that come with a welcome: a space's members, epochs and forks. */
export const MAX_WELCOME_RECORDS = 1024
/** An owner who is asked about a joiner has this long to answer. */
export const JOIN_DECISION_MS: number = 5 * 60_000
