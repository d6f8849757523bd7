/** Failures of the network that a caller may act on. */
export type TransportErrorCode =
  | 'TRANSPORT_BAD_ADDRESS'
  | 'TRANSPORT_UNREACHABLE'
  | 'TRANSPORT_WRONG_DEVICE'
  | 'TRANSPORT_NOT_ALLOWED'
  | 'TRANSPORT_REFUSED'
  | 'TRANSPORT_NO_PROTOCOL'
  | 'TRANSPORT_TOO_MANY_STREAMS'
  | 'TRANSPORT_MESSAGE_TOO_LARGE'
  | 'TRANSPORT_ADDRESS_IN_USE'
  | 'TRANSPORT_CANNOT_LISTEN'
  | 'TRANSPORT_NOT_RUNNING'

/** Something the network could not do. The message says what happened and what to do next. */
export class TransportError extends Error {
  override readonly name = 'TransportError'
  readonly code: TransportErrorCode

  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Ours as it is, libp2p's (which are told apart by name) as the nearest of ours. */
export function dialError(cause: unknown, name: string): TransportError {
  if (cause instanceof TransportError) return cause
  const errors = cause instanceof AggregateError ? cause.errors : [cause]
  const names = new Set(errors.map((error) => (error instanceof Error ? error.name : '')))
  const text = errors.map((error) => (error instanceof Error ? error.message : String(error))).join('; ')
  if (names.has('DialDeniedError') || names.has('ConnectionInterceptedError')) {
    return notAllowed(name, cause)
  }
  if (names.has('NoValidAddressesError')) {
    return noAddress(name)
  }
  if (/does not match expected remote peer|payload identity key/i.test(text)) {
    return new TransportError(
      'TRANSPORT_WRONG_DEVICE',
      `another device answers at the address of ${name}. Ask its owner for the present address`,
      { cause }
    )
  }
  return new TransportError(
    'TRANSPORT_UNREACHABLE',
    `${name} cannot be reached (${text}). Check that it runs, that the address is right and that no firewall is between`,
    { cause }
  )
}

export function notAllowed(name: string, cause?: unknown): TransportError {
  return new TransportError(
    'TRANSPORT_NOT_ALLOWED',
    `${name} is not a member of this space as far as this device knows. Invite it, or join its space, then try again`,
    { cause }
  )
}

export function refused(name: string, cause?: unknown): TransportError {
  return new TransportError(
    'TRANSPORT_REFUSED',
    `${name} closed the connection as soon as it knew who we are. This device is not on its list of members, or it has too many connections`,
    { cause }
  )
}

export function notRunning(): TransportError {
  return new TransportError(
    'TRANSPORT_NOT_RUNNING',
    'the network is not running. Start it first; after a stop, create another one'
  )
}

export function listenError(listen: readonly string[], cause: unknown): TransportError {
  const where = listen.join(', ')
  const text = flatten(cause)
  if (text.includes('EADDRINUSE')) {
    return new TransportError(
      'TRANSPORT_ADDRESS_IN_USE',
      `another program listens on ${where} already. Stop it, or choose another port (0 takes any that is free)`,
      { cause }
    )
  }
  return new TransportError(
    'TRANSPORT_CANNOT_LISTEN',
    `this device cannot listen on ${where}. Check that the address is one of its own and the port is allowed`,
    { cause }
  )
}

function flatten(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const nested: unknown[] = error instanceof AggregateError ? error.errors : []
  const parts = [error.message, 'code' in error ? String(error.code) : '', ...nested.map(flatten)]
  if (error.cause !== undefined) parts.push(flatten(error.cause))
  return parts.join(' ')
}

export function noAddress(name: string): TransportError {
  return new TransportError(
    'TRANSPORT_UNREACHABLE',
    `no address of ${name} is known. Give its address, or wait until it is discovered`
  )
}

export function tooManyStreams(protocol: string): TransportError {
  return new TransportError(
    'TRANSPORT_TOO_MANY_STREAMS',
    `too many ${protocol} channels are open. Close one, or wait until one ends`
  )
}

export function ownAddress(): TransportError {
  return new TransportError(
    'TRANSPORT_BAD_ADDRESS',
    'this address is of this device itself. Give the address that the other device shows'
  )
}
