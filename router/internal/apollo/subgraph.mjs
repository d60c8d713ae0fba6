// A subgraph of Apollo Server with uploads and with subscriptions by HTTP callback. It prints its
// port when it listens.
import { createHash } from 'node:crypto'
import http from 'node:http'
import express from 'express'
import { ApolloServer } from '@apollo/server'
import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled'
import { ApolloServerPluginSubscriptionCallback } from '@apollo/server/plugin/subscriptionCallback'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { expressMiddleware } from '@as-integrations/express5'
import { GraphQLError, parse } from 'graphql'
import graphqlUploadExpress from 'graphql-upload/graphqlUploadExpress.mjs'
import GraphQLUpload from 'graphql-upload/GraphQLUpload.mjs'
import { readFileSync } from 'node:fs'

const typeDefs = parse(readFileSync(new URL('testdata/subgraph.graphql', import.meta.url), 'utf8'))

async function digest(upload) {
  const { filename, mimetype, createReadStream } = await upload
  const hash = createHash('sha256')
  for await (const chunk of createReadStream()) hash.update(chunk)
  return { filename, mimetype, sha256: hash.digest('hex') }
}

let open = 0

async function* count(to, fail) {
  open++
  try {
    for (let n = 1; to === 0 || n <= to; n++) {
      yield { count: n }
      if (to === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    if (fail) throw new GraphQLError('the counter broke', { extensions: { code: 'BROKEN' } })
  } finally {
    open--
  }
}

const resolvers = {
  Upload: GraphQLUpload,
  Query: { hello: () => 'hello', open: () => open },
  Mutation: {
    upload: (_, { file }) => digest(file),
    uploadMany: (_, { files }) => Promise.all(files.map(digest)),
  },
  Subscription: {
    count: { subscribe: (_, { to, fail }) => count(to, fail) },
    refused: {
      subscribe: () => {
        throw new GraphQLError('not today', { extensions: { code: 'FORBIDDEN' } })
      },
    },
  },
}

const app = express()
const httpServer = http.createServer(app)
const server = new ApolloServer({
  schema: buildSubgraphSchema([{ typeDefs, resolvers }]),
  plugins: [ApolloServerPluginSubscriptionCallback(), ApolloServerPluginInlineTraceDisabled()],
})
await server.start()
app.use(express.json(), graphqlUploadExpress({ maxFileSize: 50_000_000, maxFiles: 10 }), expressMiddleware(server))
httpServer.listen(0, '127.0.0.1', () => console.log(httpServer.address().port))
