import assert from 'node:assert/strict'
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'

export async function subscribe(router) {
  const client = createClient({ url: router.wsURL, webSocketImpl: WebSocket, retryAttempts: 0 })
  const got = []
  for await (const { data } of client.iterate({ query: 'subscription { count(to: 3) }' })) got.push(data.count)
  assert.deepEqual(got, [1, 2, 3])
  await client.dispose()
}

export async function defer(router) {
  const client = createClient({ url: router.wsURL, webSocketImpl: WebSocket, retryAttempts: 0 })
  const key = router.key()
  const query = 'query($after: String) { me { name ... @defer { mood(after: $after) } } }'
  const got = []
  for await (const part of client.iterate({ query, variables: { after: key } })) {
    got.push(part)
    if (got.length === 1) await router.release(key)
  }
  assert.deepEqual(got[0].data, { me: { name: 'Ada' } })
  assert.deepEqual(got.at(-1).incremental[0].data, { mood: 'fine' })
  await client.dispose()
}
