import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import * as current from '@apollo/client/core'
import { BatchHttpLink } from '@apollo/client/link/batch-http'
import { Defer20220824Handler, GraphQL17Alpha9Handler } from '@apollo/client/incremental'

const version3 = createRequire(import.meta.url)('apollo-client-3/core')

function newClient({ ApolloClient, HttpLink, InMemoryCache }, router, options) {
  return new ApolloClient({ link: new HttpLink({ uri: router.url }), cache: new InMemoryCache(), ...options })
}

async function query(version, router) {
  const client = newClient(version, router)
  const { data } = await client.query({
    query: version.gql`query($n: String) { greeting(name: $n) }`,
    variables: { n: 'Ada' },
  })
  assert.equal(data.greeting, 'Hello, Ada!')
  client.stop()
}

// Queries of one moment are one HTTP request, and each has its own response or error.
async function batch(version, link, router) {
  let requests = 0
  const count = (...args) => (requests++, fetch(...args))
  const client = new version.ApolloClient({ link: new link({ uri: router.url, fetch: count, batchInterval: 20 }), cache: new version.InMemoryCache() })
  const ask = (name) => client.query({ query: version.gql`query($n: String) { greeting(name: $n) }`, variables: { n: name }, fetchPolicy: 'no-cache' })
  const [ada, failed, bob] = await Promise.allSettled([ask('Ada'), client.query({ query: version.gql`{ none }` }), ask('Bob')])
  assert.deepEqual([ada.value?.data, bob.value?.data], [{ greeting: 'Hello, Ada!' }, { greeting: 'Hello, Bob!' }])
  assert.match(String(failed.reason?.message), /none/)
  assert.equal(requests, 1)
  client.stop()
}

// The deferred field can only be answered after the client has shown the first
// response.
async function defer(version, router, options) {
  const client = newClient(version, router, options)
  const key = router.key()
  const results = client.watchQuery({
    query: version.gql`
      query($after: String) {
        me { id name ...Mood @defer(label: "mood") }
      }
      fragment Mood on User { mood(after: $after) rank }
    `,
    variables: { after: key },
    notifyOnNetworkStatusChange: false,
  })
  await new Promise((resolve, reject) => {
    let released = false
    results.subscribe({
      error: reject,
      next: ({ data, error }) => {
        if (error) reject(error)
        if (!data?.me) return
        try {
          assert.equal(data.me.name, 'Ada')
          if (data.me.mood === undefined) {
            if (!released) router.release(key).catch(reject)
            released = true
            return
          }
          assert.ok(released, 'the deferred field came with the first response')
          assert.deepEqual([data.me.mood, data.me.rank], ['fine', 7])
          resolve()
        } catch (e) {
          reject(e)
        }
      },
    })
  })
  client.stop()
}

export const query4 = (router) => query(current, router)
export const query3 = (router) => query(version3, router)

export const batch4 = (router) => batch(current, BatchHttpLink, router)
export const batch3 = (router) => batch(version3, createRequire(import.meta.url)('apollo-client-3/link/batch-http').BatchHttpLink, router)

export const defer3 = (router) => defer(version3, router)
export const defer4By2022 = (router) => defer(current, router, { incrementalHandler: new Defer20220824Handler() })
export const defer4ByDraft = (router) => defer(current, router, { incrementalHandler: new GraphQL17Alpha9Handler() })

// Subscriptions over multipart HTTP, which HttpLink uses by default.
async function subscribe(version, router) {
  const client = newClient(version, router)
  const got = []
  await new Promise((resolve, reject) =>
    client
      .subscribe({ query: version.gql`subscription { count(to: 3) }` })
      .subscribe({ next: ({ data, error }) => (error ? reject(error) : got.push(data.count)), error: reject, complete: resolve }),
  )
  assert.deepEqual(got, [1, 2, 3])
  client.stop()
}

export const subscribe3 = (router) => subscribe(version3, router)
export const subscribe4 = (router) => subscribe(current, router)
