export { CorruptRowError, StoreError, type StoreErrorCode, StoreLockedError } from './errors.ts'
export { MemoryStore, type MemoryStoreOptions } from './memory-store.ts'
export {
  open,
  SEAL_KEY_BYTES,
  SEAL_NONCE_BYTES,
  SEAL_OVERHEAD_BYTES,
  SEAL_RANDOM_BYTES,
  SEAL_TAG_BYTES,
  SealingKey,
  seal
} from './seal.ts'
export type {
  Continuity,
  PartitionName,
  Row,
  RowChange,
  RowRange,
  RowReader,
  RowSnapshot,
  RowStore,
  Store,
  WriteOptions
} from './store.ts'
