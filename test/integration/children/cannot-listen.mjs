/** Loaded before a program: the system lets it listen on no port, as where a policy forbids it. */
import { Server } from 'node:net'

const { listen } = Server.prototype

Server.prototype.listen = function (...args) {
  const [first] = args
  if (typeof first !== 'number' && first?.port === undefined) return listen.apply(this, args)
  const refused = Object.assign(new Error('listen EACCES: permission denied'), {
    code: 'EACCES',
    syscall: 'listen'
  })
  process.nextTick(() => this.emit('error', refused))
  return this
}
