export { type StoreSuiteOptions, storeSuite } from './store-suite.ts'
