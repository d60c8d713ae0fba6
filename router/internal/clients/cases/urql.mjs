import assert from 'node:assert/strict'
import { Client, cacheExchange, fetchExchange } from '@urql/core'

export async function query(router) {
  const client = new Client({ url: router.url, preferGetMethod: false, exchanges: [cacheExchange, fetchExchange] })
  const { data, error } = await client.query('query($n: String) { greeting(name: $n) }', { n: 'Ada' }).toPromise()
  assert.equal(error, undefined)
  assert.equal(data.greeting, 'Hello, Ada!')
}
