import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** One question that a server was asked. */
export interface Asked {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: { readonly model: string; readonly messages: { role: string; content: string }[] }
  /** Resolves when the connection is over. */
  readonly closed: Promise<unknown>
}

/** What a server does with a question. */
export type Script = (response: ServerResponse, asked: Asked) => void | Promise<void>

export interface ChatServer {
  readonly baseUrl: string
  readonly asked: readonly Asked[]
}

/** A server that speaks chat completions as a script says, on this machine, until the test is over. */
export async function chatServer(script: Script): Promise<ChatServer> {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method, url, headers } = request
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}')
    const question = { method, url, headers, body, closed: once(response, 'close') }
    asked.push(question)
    await script(response, question)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked }
}

/** Answers as the protocol says. */
export function answering(content: unknown, more: object = {}): Script {
  return (response) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    const choice = { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: text }, ...more }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ id: 'c1', object: 'chat.completion', model: 'small-2', choices: [choice] }))
  }
}

/** Answers whatever it is told to. */
export function saying(
  body: string | Uint8Array,
  status = 200,
  headers: Record<string, string> = {}
): Script {
  return (response) => {
    response.writeHead(status, headers)
    response.end(body)
  }
}
