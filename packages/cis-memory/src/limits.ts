/*
 * Every bound of this package, with its unit and its reason.
 */

/** A configuration file or a `.cis.toml`: a person writes them. */
export const MAX_CONFIG_BYTES: number = 64 * 1024

/** A replaced version stays recoverable for this long; core refuses less as well. */
export const MIN_HISTORY_DAYS: number = 30

/** Memories in one request of an import; `importMemories` sends as many requests as it takes. */
export const MAX_IMPORT_ITEMS: number = 256
/** Text in one request of an import, unless it holds a single memory. */
export const MAX_IMPORT_REQUEST_BYTES: number = 2 * 1024 * 1024
/** Memories that an import writes side by side: as many as one commit has room for. */
export const MAX_PARALLEL_IMPORTS: number = 64
/** A line of an import, in characters: the largest value, every one of them escaped, and its labels. */
export const MAX_IMPORT_LINE_CHARACTERS: number = 8 * 1024 * 1024
/** Files of one import: a folder of notes, not a disk. */
export const MAX_IMPORT_FILES: number = 4096
/** One file of an import. A heading's text has at most what a value may have. */
export const MAX_IMPORT_FILE_BYTES: number = 16 * 1024 * 1024
/** A name that an import makes of a heading or a file, with room below `MAX_SEGMENT_BYTES` for a number. */
export const MAX_SLUG_BYTES: number = 200

/**
 * Bytes of a socket's path. `sockaddr_un` has 104 on macOS and the BSDs and 108 on Linux, a zero included; one
 * bound for all keeps a home that works on one machine working on the other.
 */
export const MAX_SOCKET_PATH_BYTES: number = 103
/** A frame from somebody who has proven nothing yet: a scope of 16 segments fits. */
export const MAX_HANDSHAKE_FRAME_BYTES: number = 8 * 1024
/** A request: the largest value, or one request of an import. */
export const MAX_REQUEST_FRAME_BYTES: number = 8 * 1024 * 1024
/** An answer: a conflict of as many versions as one can settle, each as large as a value may be. */
export const MAX_REPLY_FRAME_BYTES: number = 72 * 1024 * 1024
/** Whoever connects must have proven itself by then. */
export const HANDSHAKE_TIMEOUT_MS: number = 5_000
/** Connections of one holder; more than a person and a few tools ever open. */
export const MAX_SOCKET_CONNECTIONS: number = 64
/** Requests that one connection may have running. */
export const MAX_CONCURRENT_REQUESTS: number = 64
/** Items of a stream that are under way before the reader asks for more. */
export const STREAM_WINDOW_ITEMS: number = 32
/** A holder that closes lets requests of others finish for this long, and once more to be told of their end. */
export const DRAIN_TIMEOUT_MS: number = 2_000
/**
 * A session waits this long for a store whose holder is opening or closing: as long as a busy machine takes to get a few
 * commands through that were started at once.
 */
export const HOLDER_WAIT_MS: number = 20_000
/** A node that starts waits this long for a command that has the store; whoever keeps it longer is no command. */
export const COMMAND_WAIT_MS: number = 3_000
/** Between two attempts to reach or replace a holder. */
export const HOLDER_RETRY_MS: number = 25

/** Peers whose addresses are remembered, and addresses of one peer. */
export const MAX_BOOK_PEERS: number = 1024
export const MAX_BOOK_ADDRESSES: number = 16
/** Peers that one request syncs with at a time. */
export const MAX_PARALLEL_SYNCS: number = 4
/** Memories that one request can name to sync. Core sends them in one message. */
export const MAX_SYNC_KEYS: number = 256
/** A node that has just started is given this long to reach the peers it knows. */
export const CONNECT_WAIT_MS: number = 3_000

/** Conflict policies, and characters of a pattern in one: as many as core takes. */
export const MAX_POLICIES: number = 256
export const MAX_PATTERN_CHARACTERS: number = 1024
/** Parts of the command that is told of conflicts. */
export const MAX_NOTIFY_ARGUMENTS: number = 32
/** The command that is told of conflicts is ended after this long, and sooner when the memory is closed. */
export const NOTIFY_TIMEOUT_MS: number = 10_000
export const NOTIFY_CLOSE_MS: number = 2_000
/** Events that wait while the command runs; of more than these it is told how many there were. */
export const MAX_NOTIFY_EVENTS: number = 256
/** Memories of a domain that a status counts, each of which it has to open: a person reads more as "many". */
export const MAX_COUNTED_MEMORIES: number = 1_000

/** What a model is asked about at once: a long document and its ancestor, within the context of most models. */
export const MAX_PROMPT_BYTES: number = 256 * 1024
/** An answer of a model with all that its server says besides: more than a prompt comes back as, escaped. */
export const MAX_AI_REPLY_BYTES: number = 2 * 1024 * 1024
/** A sentence or two; core takes four times as many bytes. */
export const MAX_AI_RATIONALE_CHARACTERS: number = 4096
/** The name of a model, as far as core takes it for a label. */
export const MAX_LABEL_CHARACTERS: number = 64
/** How long a model may take unless its owner says otherwise. */
export const AI_TIMEOUT_MS: number = 60_000
/** And at most: a timer takes no more than 24 days, and nobody waits for a model for more than an hour. */
export const MAX_AI_TIMEOUT_SECS: number = 3600
/** An API key, and what the program may take that prints it: somebody may have to unlock it. */
export const MAX_API_KEY_BYTES: number = 16 * 1024
export const KEY_COMMAND_TIMEOUT_MS: number = 60_000
