import assert from 'node:assert/strict'
import { GraphQLClient as Client } from 'graphql-request'
import { GraphQLClient as Client3 } from 'graphql-request-3'

const query = 'query($name: String) { greeting(name: $name) }'
const want = { greeting: 'Hello, Ada!' }

export async function current(router) {
  assert.deepEqual(await new Client(router.url).request(query, { name: 'Ada' }), want)
}

export async function currentReportsErrors(router) {
  await assert.rejects(new Client(router.url).request('{ fail }'), (e) => e.response.errors[0].path[0] === 'fail')
}

// Version 3 reads an answer only if its type begins with application/json, and
// sends Accept: */*.
export async function version3(router) {
  assert.deepEqual(await new Client3(router.url).request(query, { name: 'Ada' }), want)
}

export async function version3ReportsErrors(router) {
  await assert.rejects(new Client3(router.url).request('{ fail }'), (e) => e.response.errors[0].path[0] === 'fail')
}
