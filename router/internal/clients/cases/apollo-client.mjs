import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import * as current from '@apollo/client/core'

const version3 = createRequire(import.meta.url)('apollo-client-3/core')

async function query({ ApolloClient, HttpLink, InMemoryCache, gql }, router) {
  const client = new ApolloClient({ link: new HttpLink({ uri: router.url }), cache: new InMemoryCache() })
  const { data } = await client.query({ query: gql`query($n: String) { greeting(name: $n) }`, variables: { n: 'Ada' } })
  assert.equal(data.greeting, 'Hello, Ada!')
  client.stop()
}

export const query4 = (router) => query(current, router)
export const query3 = (router) => query(version3, router)
