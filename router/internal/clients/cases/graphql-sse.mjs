import assert from 'node:assert/strict'
import { createClient } from 'graphql-sse'

export async function subscribe(router) {
  const client = createClient({ url: router.url, retryAttempts: 0 })
  const got = []
  for await (const { data } of client.iterate({ query: 'subscription { count(to: 3) }' })) got.push(data.count)
  assert.deepEqual(got, [1, 2, 3])
  client.dispose()
}

export async function singleConnection(router) {
  const client = createClient({ url: router.url, retryAttempts: 0, singleConnection: true })
  const count = async (to) => {
    const got = []
    for await (const { data } of client.iterate({ query: `subscription { count(to: ${to}) }` })) got.push(data.count)
    return got
  }
  assert.deepEqual(await Promise.all([count(2), count(3)]), [[1, 2], [1, 2, 3]])
  client.dispose()
}
