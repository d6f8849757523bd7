/*
 * Every bound of the network, with its unit and its reason. Those that both ends must agree on are core's.
 */

/** A gap that gossip shows is filled after this pause: what is late may still come by itself. */
export const GAP_PAUSE_MS = 1_000
/** A broadcast waits this long for connected members to listen, and looks this often. */
export const GOSSIP_READY_MS = 2_000
export const GOSSIP_POLL_MS = 20
/** An invitation is open for an hour unless its maker says otherwise. */
export const INVITATION_MS: number = 60 * 60 * 1000
/** Strangers may knock this long after an invitation was last usable, to be told that theirs is not. */
export const DOOR_OPEN_AFTER_MS: number = 60 * 60 * 1000
/** The longest wait of one timer, since Node's cannot count weeks. */
export const MAX_WAIT_MS: number = 24 * 60 * 60 * 1000
/** A sync session of ours is kept for the next sync this long. */
export const SESSION_KEPT_MS: number = 5 * 60 * 1000

/** A stream's receive window. Data that arrives while a reader pauses waits in it: 20 MB/s at 50 ms round trip. */
export const MAX_STREAM_WINDOW_BYTES: number = 1024 * 1024
/**
 * What yamux holds for a paused stream before it gives the stream up. Above the window, so that an honest peer never
 * meets it: with libp2p's defaults the window outgrows the buffer, and pausing kills the stream.
 */
export const MAX_STREAM_BUFFER_BYTES: number = 2 * MAX_STREAM_WINDOW_BYTES
/** Whole frames read ahead of their consumer, per channel, before the peer is slowed down. */
export const READ_AHEAD_BYTES: number = 256 * 1024
/** A channel that closes waits this long for the peer to take what was sent. */
export const CLOSE_TIMEOUT_MS = 30_000
/** A channel closed on our side that hears nothing for this long is dropped. */
export const LINGER_MS = 30_000

/** Channels open at a time, all peers together. An idle one holds next to nothing, a busy one some MiB. */
export const MAX_CHANNELS = 512
/** Channels one peer may open to us on one protocol, and we to it. */
export const MAX_PROTOCOL_STREAMS = 16
/** Streams of all protocols on one connection. */
export const MAX_CONNECTION_STREAMS = 64

/** Connections at a time. A space is a team and its agents, not a public network. */
export const MAX_CONNECTIONS = 256
/**
 * New connections a second from one host. libp2p's default of 5 refuses agents that start together on one machine.
 */
export const MAX_INBOUND_PER_SECOND = 64
/** Connections that are still being encrypted. libp2p's default of 10 is met by a dozen agents on one machine. */
export const MAX_INBOUND_PENDING = 64
/** Dials at a time, and dials that may wait. */
export const MAX_PARALLEL_DIALS = 16
export const MAX_WAITING_DIALS = 512
/** Addresses tried for one peer, and explicit ones remembered of it. */
export const MAX_PEER_ADDRESSES = 16
/** One dial, all addresses and the first exchange included, and one of its addresses. */
export const DIAL_TIMEOUT_MS = 20_000
export const ADDRESS_DIAL_TIMEOUT_MS = 6_000
/** A connection that has not introduced itself for this long is dropped. */
export const IDENTIFY_TIMEOUT_MS = 10_000
/** A connection is probed this often, which is how a frozen peer is noticed. */
export const PING_INTERVAL_MS = 20_000
/**
 * A connection whose probe is not answered by then is dropped. libp2p's five seconds cut off whoever is merely busy: a
 * slow device takes that long to take in one page of a sync, and would be cut off at the same page the next time. Below
 * the interval, because a second probe beside the first counts as a failure.
 */
export const PING_TIMEOUT_MS = 15_000

/** Devices not on the list, connected at a time while an invitation is open. */
export const MAX_STRANGERS = 8
/** A stranger who has begun nothing by then is dropped. */
export const STRANGER_IDLE_MS = 30_000
/** A join takes two round trips and its owner's decision, for which core gives five minutes; then it is over anyway. */
export const STRANGER_CONNECTION_MS: number = 6 * 60_000
/** Streams a stranger may open. */
export const MAX_STRANGER_STREAMS = 2

/** Peers that are kept connected. */
export const MAX_KEPT_PEERS = 1024
/** The first pause before a peer is dialled again; it doubles up to the longest. */
export const RECONNECT_BASE_MS = 500
export const RECONNECT_MAX_MS = 60_000
/** A connection that lasted this long was a good one: the next pause is the first again. */
export const STABLE_CONNECTION_MS = 10_000

/** One gossip packet: a peer that missed messages is sent several at once. */
export const MAX_GOSSIP_PACKET_BYTES: number = 8 * 1024 * 1024
/** Gossip waiting to be sent to one slow peer. Beyond, its stream is dropped and made anew. */
export const MAX_GOSSIP_UNSENT_BYTES: number = 4 * 1024 * 1024
/** A peer whose stream has not taken a message by then does not count as reached. It may still get it. */
export const GOSSIP_HANDOVER_MS = 1_000
/** Gossip of one peer that is being validated. Beyond either, its messages are ignored; sync brings them later. */
export const MAX_GOSSIP_VALIDATING = 64
export const MAX_GOSSIP_VALIDATING_BYTES: number = 4 * 1024 * 1024
/** Memory for the topics of one peer; gossipsub charges 1 KiB a topic. */
export const MAX_GOSSIP_TOPIC_BYTES: number = 64 * 1024
/** Topics this node subscribes to. */
export const MAX_TOPICS = 32
/** A message id is remembered this long, so that a message is taken in once. */
export const GOSSIP_SEEN_MS = 120_000
/** Gossip streams are looked after this often; one missing twice in a row is made anew. */
export const GOSSIP_CHECK_MS = 2_000
/** What a rejected message costs its sender, and how fast that is forgiven. */
export const GOSSIP_REJECT_PENALTY = 20
export const GOSSIP_PENALTY_HALF_LIFE_MS: number = 5 * 60_000
/** Peers whose rejections are remembered. */
export const MAX_STANDINGS = 1_024

/** Stopping: this long for a polite goodbye, then this long for libp2p to end. Together below two seconds. */
export const STOP_GOODBYE_MS = 300
export const STOP_TIMEOUT_MS = 1_200

/**
 * An address as somebody gives it: the name of a host has up to 253 characters, a device 52. Reading the latter takes
 * the square of its length.
 */
export const MAX_ADDRESS_CHARACTERS = 1024
