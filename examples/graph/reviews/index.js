// A subgraph with the reviews of products.
import { readFileSync } from 'node:fs'
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { parse } from 'graphql'

const reviews = [
  { id: '1', productId: '1', stars: 5, body: 'Bright.' },
  { id: '2', productId: '1', stars: 3, body: 'Too bright.' },
  { id: '3', productId: '3', stars: 4, body: 'Sturdy.' },
]

const typeDefs = parse(readFileSync(new URL('schema.graphqls', import.meta.url), 'utf8'))

const resolvers = {
  Query: { reviews: () => reviews },
  Product: { reviews: (product) => reviews.filter((r) => r.productId === product.id) },
  Review: { product: (review) => ({ id: review.productId }) },
}

const server = new ApolloServer({ schema: buildSubgraphSchema([{ typeDefs, resolvers }]) })
const { url } = await startStandaloneServer(server, { listen: { host: 'localhost', port: Number(process.argv[2]) } })
console.log(`reviews at ${url}graphql`)
