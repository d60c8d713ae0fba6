import assert from 'node:assert/strict'
import { Client, cacheExchange, fetchExchange } from '@urql/core'

export async function query(router) {
  const client = new Client({ url: router.url, preferGetMethod: false, exchanges: [cacheExchange, fetchExchange] })
  const { data, error } = await client.query('query($n: String) { greeting(name: $n) }', { n: 'Ada' }).toPromise()
  assert.equal(error, undefined)
  assert.equal(data.greeting, 'Hello, Ada!')
}

export async function defer(router) {
  const client = new Client({ url: router.url, preferGetMethod: false, exchanges: [cacheExchange, fetchExchange] })
  const key = router.key()
  const query = 'query($after: String) { me { id name ...Mood @defer } } fragment Mood on User { mood(after: $after) }'
  await new Promise((resolve, reject) => {
    let released = false
    client.query(query, { after: key }).subscribe(({ data, error, hasNext }) => {
      if (error) reject(error)
      if (hasNext) {
        if (!released) router.release(key).catch(reject)
        released = true
      } else if (released && data.me.mood === 'fine' && data.me.name === 'Ada') {
        resolve()
      } else {
        reject(new Error(`got ${JSON.stringify(data)}`))
      }
    })
  })
}
