/*
 * libp2p and what it is built on (it-queue, yamux, ping) call Promise.withResolvers, which Node has from version 22
 * on. Without it a node on Node 20 dies of a TypeError at its first connection. This module has to be evaluated
 * before any of theirs, so it is the first import of every module that loads libp2p. Checked on 20.20.2.
 */
interface Resolvers<T> {
  promise: Promise<T>
  resolve: (value: T | PromiseLike<T>) => void
  reject: (reason?: unknown) => void
}

const host = Promise as PromiseConstructor & { withResolvers?: <T>() => Resolvers<T> }

host.withResolvers ??= function withResolvers<T>(): Resolvers<T> {
  const resolvers = {} as Resolvers<T>
  resolvers.promise = new Promise<T>((resolve, reject) => {
    resolvers.resolve = resolve
    resolvers.reject = reject
  })
  return resolvers
}
