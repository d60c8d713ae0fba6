import assert from 'node:assert/strict'
import { meros } from 'meros/browser'
import relay from 'relay-runtime'
import query from '../relay/__generated__/operationsMeQuery.graphql.js'
import fragment from '../relay/__generated__/operations_mood.graphql.js'

const { Environment, Network, Observable, RecordSource, Store, createOperationDescriptor, getSingularSelector } = relay

/**
 * A network layer: Relay takes each deferred fragment as a response of its own,
 * with path and label, and extensions.is_final with the last one.
 */
function network(router, accept) {
  return Network.create(({ text }, variables) =>
    Observable.create((sink) => {
      void (async () => {
        const response = await fetch(router.url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept },
          body: JSON.stringify({ query: text, variables }),
        })
        const parts = await meros(response)
        if (parts instanceof Response) {
          sink.next({ ...(await parts.json()), extensions: { is_final: true } })
          return
        }
        for await (const { body } of parts) {
          const { incremental = [], hasNext, ...first } = body
          if ('data' in first) sink.next({ ...first, extensions: { is_final: !hasNext } })
          incremental.forEach((payload, i) =>
            sink.next({ ...payload, extensions: { is_final: !hasNext && i === incremental.length - 1 } }),
          )
        }
      })().then(() => sink.complete(), (error) => sink.error(error))
    }),
  )
}

async function run(router, accept, onFirst) {
  const environment = new Environment({ network: network(router, accept), store: new Store(new RecordSource()) })
  const key = router.key()
  const operation = createOperationDescriptor(query, { after: key })
  const read = () => {
    const { me } = environment.lookup(operation.fragment).data
    return { name: me.name, mood: environment.lookup(getSingularSelector(fragment, me)) }
  }
  let responses = 0
  await new Promise((resolve, reject) => {
    environment.execute({ operation }).subscribe({
      next: () => {
        if (++responses === 1) onFirst(key, read()).catch(reject)
      },
      complete: resolve,
      error: reject,
    })
    if (!accept.includes('multipart')) router.release(key).catch(reject)
  })
  const { name, mood } = read()
  assert.equal(name, 'Ada')
  assert.deepEqual(mood.data, { name: 'Ada', mood: 'fine' })
  assert.equal(mood.isMissingData, false)
  return responses
}

// The first response is in the store, without the fragment, before the fragment
// can be answered.
export async function defer(router) {
  const accept = 'multipart/mixed;deferSpec=20220824, application/graphql-response+json, application/json;q=0.9'
  const responses = await run(router, accept, async (key, { name, mood }) => {
    assert.equal(name, 'Ada')
    assert.equal(mood.isMissingData, true)
    await router.release(key)
  })
  assert.equal(responses, 2)
}

// A client that takes no parts gets one response, which Relay spreads to its
// fragments.
export async function deferInOneResponse(router) {
  assert.equal(await run(router, 'application/json', async () => {}), 1)
}
