// What clients depend on goes on after the router's configuration was reloaded, and streams
// that the reload ends are opened again.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client/core'
import { Defer20220824Handler } from '@apollo/client/incremental'
import { BatchHttpLink } from '@apollo/client/link/batch-http'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { RetryLink } from '@apollo/client/link/retry'
import { createClient as createSSEClient } from 'graphql-sse'
import { createClient as createSocketClient } from 'graphql-ws'
import { WebSocket } from 'ws'

// Records the bodies that a link sends.
function recorder() {
  const bodies = []
  const record = (url, options) => {
    bodies.push(JSON.parse(options.body))
    return fetch(url, options)
  }
  return { bodies, record }
}

export async function persistedQueries(router) {
  const { bodies, record } = recorder()
  const link = ApolloLink.from([
    new PersistedQueryLink({ sha256: (text) => createHash('sha256').update(text).digest('hex') }),
    new HttpLink({ uri: router.url, fetch: record }),
  ])
  const client = new ApolloClient({ link, cache: new InMemoryCache() })
  // A name of its own: another case must not have registered the document.
  const query = gql`query AfterReload${router.key().replaceAll('-', '')}($n: String) { greeting(name: $n) }`
  const greet = async (n) => {
    bodies.length = 0
    const { data } = await client.query({ query, variables: { n } })
    assert.equal(data.greeting, `Hello, ${n}!`)
    return bodies.map((body) => body.query !== undefined)
  }
  assert.deepEqual(await greet('Ada'), [false, true], 'the document is sent once it is asked for')
  assert.deepEqual(await greet('Grace'), [false], 'the hash is enough')
  await router.reload()
  const sent = await greet('Edsger')
  assert.equal(sent[0], false, 'the client still relies on hashes')
  assert.deepEqual(await greet('Barbara'), [false], 'the hash is enough after the reload')
  client.stop()
}

export async function batching(router) {
  const { bodies, record } = recorder()
  const client = new ApolloClient({ link: new BatchHttpLink({ uri: router.url, fetch: record }), cache: new InMemoryCache() })
  const greet = async (...names) => {
    bodies.length = 0
    const query = gql`query($n: String) { greeting(name: $n) }`
    const results = await Promise.all(names.map((n) => client.query({ query, variables: { n } })))
    assert.deepEqual(results.map(({ data }) => data.greeting), names.map((n) => `Hello, ${n}!`))
    assert.deepEqual(bodies.map((body) => body.length), [names.length], 'one request has all operations')
  }
  await greet('Ada', 'Grace')
  await router.reload()
  await greet('Edsger', 'Barbara', 'Donald')
  client.stop()
}

// Runs a deferred query. between is called when the first part has come and the deferred one
// has not; it must let that part be answered.
async function defer(router, between) {
  const client = new ApolloClient({
    link: new HttpLink({ uri: router.url }), cache: new InMemoryCache(), incrementalHandler: new Defer20220824Handler(),
  })
  const key = router.key()
  await new Promise((resolve, reject) => {
    let early = false
    const results = client.watchQuery({
      query: gql`
        query($after: String) { me { id name ...Mood @defer } }
        fragment Mood on User { mood(after: $after) }
      `,
      variables: { after: key },
      notifyOnNetworkStatusChange: false,
    })
    results.subscribe({
      error: reject,
      next: ({ data, error }) => {
        if (error) return reject(error)
        if (!data?.me) return
        if (data.me.mood !== undefined) {
          return early && data.me.mood === 'fine' ? resolve() : reject(new Error(`got ${JSON.stringify(data)} early`))
        }
        if (!early) between(key).catch(reject)
        early = true
      },
    })
  })
  client.stop()
}

export async function deferAfterReload(router) {
  await router.reload()
  await defer(router, (key) => router.release(key))
}

export async function deferDuringReload(router) {
  await defer(router, async (key) => {
    await router.reload()
    await router.release(key)
  })
}

// The first stream sends 1 and waits. The reload ends it, and the one that replaces it begins
// anew and is let go on.
const wanted = [1, 1, 2, 3]
const counting = (key) => ({ query: 'subscription($after: String) { count(to: 3, after: $after) }', variables: { after: key } })

async function follow(router, key, client) {
  const got = []
  for await (const { data } of client.iterate(counting(key))) {
    got.push(data.count)
    if (got.length === 1) await router.reload()
    if (got.length === 2) await router.release(key)
  }
  assert.deepEqual(got, wanted)
  await client.dispose()
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 20))

export const graphqlSSEReconnects = (router) =>
  follow(router, router.key(), createSSEClient({ url: router.url, retryAttempts: 20, retry: soon }))

export const graphqlSSESingleConnectionReconnects = (router) =>
  follow(router, router.key(), createSSEClient({ url: router.url, retryAttempts: 20, retry: soon, singleConnection: true }))

export const graphqlWSReconnects = (router) =>
  follow(router, router.key(), createSocketClient({ url: router.wsURL, webSocketImpl: WebSocket, retryAttempts: 20, retryWait: soon, shouldRetry: () => true }))

export async function apolloMultipartReconnects(router) {
  const link = ApolloLink.from([new RetryLink({ delay: { initial: 20, jitter: false }, attempts: { max: 20 } }), new HttpLink({ uri: router.url })])
  const client = new ApolloClient({ link, cache: new InMemoryCache() })
  const key = router.key(), got = []
  await new Promise((resolve, reject) =>
    client
      .subscribe({ query: gql`subscription($after: String) { count(to: 3, after: $after) }`, variables: { after: key } })
      .subscribe({
        error: reject,
        complete: resolve,
        next: ({ data, error }) => {
          if (error) return reject(error)
          got.push(data.count)
          if (got.length === 1) router.reload().catch(reject)
          if (got.length === 2) router.release(key).catch(reject)
        },
      }),
  )
  assert.deepEqual(got, wanted)
  client.stop()
}
