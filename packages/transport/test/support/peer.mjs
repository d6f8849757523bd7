/*
 * A node in a process of its own, for tests that kill, freeze or await it. Runs the built package.
 * Arguments: what to do, the seed of its key in hex, where to listen, and whom to dial.
 */
const [mode, seed, listen, target] = process.argv.slice(2)

// Node 20 has no such function. Without it here too, this test means the same on every version.
if (mode === 'without-resolvers') delete Promise.withResolvers

const { createNetwork } = await import('@cis-memory/transport')
const { DeviceKey } = await import('@cis-memory/core')

const PROTOCOL = '/test/process/1'
const network = await createNetwork({
  deviceKey: new DeviceKey(new Uint8Array(Buffer.from(seed, 'hex'))),
  listen: [listen],
  allow: () => true
})
const say = (word, value) => process.stdout.write(`${JSON.stringify([word, value])}\n`)

await network.handle(PROTOCOL, async (channel) => {
  if (mode === 'flood') for (;;) await channel.send(new Uint8Array(64 * 1024))
  if (mode === 'sink') await new Promise(() => {})
  for (let frame = await channel.receive(); frame !== undefined; frame = await channel.receive()) {
    await channel.send(frame)
  }
})
network.subscribe('topic', () => 'accept')
await network.start()
say('ready', network.addresses()[0])

if (mode === 'visit' || mode === 'without-resolvers') {
  const channel = await network.open(target, PROTOCOL)
  await channel.send(new Uint8Array([1, 2, 3]))
  say('answer', [...(await channel.receive())])
  await network.stop()
  say('stopped', true)
}
