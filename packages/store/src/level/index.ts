export { makeDirectories } from './files.ts'
export { readHolder, type StoreHolder } from './holder.ts'
export { type KeyParameters, type KeySource, keyFile, passphrase } from './keystore.ts'
export { changeKey, type LevelStoreOptions, openLevelStore } from './level-store.ts'
