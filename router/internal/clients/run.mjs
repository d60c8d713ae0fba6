// Runs the cases against a router and prints one JSON line for each:
// {"name", "ok", "error"}. Usage: node run.mjs ROUTER_URL [FILTER]
import { readdir } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'

const [url, filter = ''] = process.argv.slice(2)
const caseTimeout = 60_000

const router = {
  /** The GraphQL endpoint, for HTTP and for WebSocket. */
  url: `${url}/graphql`,
  wsURL: `${url}/graphql`.replace(/^http/, 'ws'),
  /** A new key for a field with the argument `after`: it answers once the key is released. */
  key: () => randomUUID(),
  /** Lets the fields that wait for a key answer. */
  release: (key) =>
    post(`${url}/graphql`, JSON.stringify({ query: 'mutation($key: String!) { release(key: $key) }', variables: { key } })),
  /** Reloads the router with another configuration. It drains the streams that are open. */
  reload: () => post(`${url}/reload`, ''),
}

async function post(url, body) {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
}

function withTimeout(promise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${caseTimeout / 1000} s`)), caseTimeout)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const files = (await readdir(new URL('cases/', import.meta.url))).filter((f) => f.endsWith('.mjs')).sort()
for (const file of files) {
  const group = file.replace('.mjs', '')
  let cases
  try {
    cases = await import(`./cases/${file}`)
  } catch (error) {
    cases = { import: () => Promise.reject(error) }
  }
  for (const [name, run] of Object.entries(cases)) {
    const title = `${group}/${name}`
    if (!title.includes(filter)) continue
    let result = { name: title, ok: true }
    try {
      await withTimeout(run(router))
    } catch (error) {
      result = { name: title, ok: false, error: String(error?.stack ?? error) }
    }
    console.log(JSON.stringify(result))
  }
}
// A client that keeps a connection open must not keep the process alive.
process.exit(0)
