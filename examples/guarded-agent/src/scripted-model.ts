/*
 * A model that runs offline: an HTTP server on this machine that speaks OpenAI's chat completions with tool calls, and
 * always plans the same. An address of a real one goes in its place.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Message, ToolCall } from './agent.ts'

export interface ScriptedModel extends AsyncDisposable {
  readonly baseUrl: string
}

/** Starts it. `thinking` is waited for before each answer; `hungUp` resolves when nobody waits for that any more. */
export async function startScriptedModel(
  thinking: (hungUp: Promise<unknown>) => Promise<void>
): Promise<ScriptedModel> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { messages } = JSON.parse(Buffer.concat(chunks).toString())
    await thinking(once(response, 'close'))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ choices: [{ index: 0, message: replyTo(messages) }] }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}

/** Reads what the day is, writes a plan for it, says so. */
function replyTo(messages: readonly Message[]): Message {
  const results = messages.filter(({ role }) => role === 'tool')
  const [day] = results
  if (day === undefined) return calling('read_memory', { path: 'deploy/day' })
  if (results.length > 1) return { role: 'assistant', content: 'The plan is in release/plan.' }
  const { value } = JSON.parse(day.content ?? '')
  return calling('write_memory', {
    path: 'release/plan',
    text: `Tag the release the evening before. ${value}`
  })
}

function calling(name: string, args: object): Message {
  const call: ToolCall = {
    id: `call-${name}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(args) }
  }
  return { role: 'assistant', content: null, tool_calls: [call] }
}
