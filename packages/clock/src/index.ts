export { actorFromBytes, actorToBytes, decodeContext, encodeContext, MAX_CONTEXT_ACTORS } from './codec.ts'
export { ACTOR_ID_BYTES, type ActorId, actorId, type Dot, isCounter } from './dot.ts'
export { ClockError, type ClockErrorCode } from './errors.ts'
export {
  latest,
  type Timestamp,
  tick,
  timestamp,
  timestampCounter,
  timestampFromMs,
  timestampMs,
  ZERO_TIMESTAMP
} from './hlc.ts'
export {
  type CausalEntry,
  compareByTime,
  compareEntries,
  contextFor,
  covers,
  isConcurrent,
  live,
  merge
} from './siblings.ts'
export {
  compare,
  dominates,
  EMPTY_VECTOR,
  includes,
  join,
  type Order,
  type VersionVector
} from './version-vector.ts'
