import assert from 'node:assert/strict'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const connect = async (router) => {
  const client = new Client({ name: 'agent', version: '1' })
  const transport = new StreamableHTTPClientTransport(new URL(router.url.replace(/graphql$/, 'mcp')))
  await client.connect(transport)
  return { client, transport }
}

export async function tools(router) {
  const { client } = await connect(router)
  const { tools } = await client.listTools()
  assert.deepEqual(tools.map((t) => t.name), ['Fail', 'Greet', 'Library', 'Newest', 'Release'])
  const greet = tools[1]
  assert.match(greet.description, /^Greets someone\./)
  assert.equal(greet.annotations.readOnlyHint, true)
  assert.deepEqual(greet.inputSchema.properties.name, { type: ['string', 'null'] })
  const result = await client.callTool({ name: 'Greet', arguments: { name: 'Ada' } })
  assert.deepEqual(result.structuredContent, { greeting: 'Hello, Ada!' })
  const failed = await client.callTool({ name: 'Fail', arguments: {} })
  assert.equal(failed.isError, true)
  assert.match(failed.content[0].text, /"errors":\[/)
  await client.close()
}

/** The client refuses results that do not conform to the output schema of their tool. */
export async function schemas(router) {
  const { client } = await connect(router)
  const { tools } = await client.listTools()
  assert.ok(tools.every((t) => t.outputSchema))
  const { structuredContent } = await client.callTool({ name: 'Library', arguments: {} })
  assert.equal(structuredContent.library.media.length, 3)
  const partial = await client.callTool({ name: 'Newest', arguments: {} })
  assert.equal(partial.isError, true)
  assert.deepEqual(partial.structuredContent, { library: { name: 'Central', newest: null } })
  await client.close()
}

/** Each session can be ended by its client. */
export async function sessions(router) {
  const { client, transport } = await connect(router)
  assert.ok(transport.sessionId)
  await transport.terminateSession()
  await client.close()
}
