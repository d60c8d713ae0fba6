// Uploads files with Apollo Client and apollo-upload-client. Usage: node upload.mjs URL
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { ApolloClient, InMemoryCache, gql } from '@apollo/client'
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs'

const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: new UploadHttpLink({ uri: process.argv[2], headers: { 'Apollo-Require-Preflight': 'true' } }),
})
const sha256 = (text) => createHash('sha256').update(text).digest('hex')

const large = 'x'.repeat(5_000_000)
const one = await client.mutate({
  mutation: gql`mutation ($file: Upload!) { upload(file: $file) { filename mimetype sha256 } }`,
  variables: { file: new File([large], 'large.txt', { type: 'text/plain' }) },
})
assert.deepEqual({ ...one.data.upload, __typename: undefined }, { filename: 'large.txt', mimetype: 'text/plain', sha256: sha256(large), __typename: undefined })

const many = await client.mutate({
  mutation: gql`mutation ($files: [Upload!]!) { uploadMany(files: $files) { filename sha256 } }`,
  variables: { files: [new File(['a'], 'a.txt'), new File(['b'], 'b.txt')] },
})
assert.deepEqual(many.data.uploadMany.map((f) => [f.filename, f.sha256]), [['a.txt', sha256('a')], ['b.txt', sha256('b')]])

await assert.rejects(
  client.mutate({
    mutation: gql`mutation ($file: Upload!) { upload(file: $file) { sha256 } }`,
    variables: { file: new File(['x'.repeat(11 << 20)], 'huge.txt') },
  }),
  (error) => /413|longer than 10485760 bytes/.test(`${error.statusCode} ${error.message}`),
)
console.log('ok')
