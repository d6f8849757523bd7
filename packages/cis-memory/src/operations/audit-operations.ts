import { given } from '../given.ts'
import { type CallHandlers, domainOf, type SessionMemory, type StreamHandlers } from './handlers.ts'
import { why } from './why.ts'

type Streams = Pick<StreamHandlers, 'audit.list' | 'memory.why'>

export function auditCalls({ memory }: SessionMemory): Pick<CallHandlers, 'audit.verify'> {
  return {
    'audit.verify': ({ noted }, signal) => memory.audit.verify({ ...given({ noted }), signal })
  }
}

export function auditStreams(session: SessionMemory): Streams {
  const { audit } = session.memory
  return {
    'audit.list': (options, signal) =>
      audit.list({ ...given({ ...options, domain: session.domain }), signal }),

    'memory.why': ({ path, domain = 'public' }, signal) =>
      why({ memory: domainOf(session, domain), audit, domain, path }, { signal })
  }
}
