export { type ChannelPair, type ChannelSuiteOptions, channelSuite } from './channel-suite.ts'
