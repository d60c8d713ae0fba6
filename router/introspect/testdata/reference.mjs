// Prints what graphql-js answers to query.graphql about schema.graphql:
// node reference.mjs PATH_OF_THE_PACKAGE_GRAPHQL > reference.json
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const here = path.dirname(new URL(import.meta.url).pathname);
const read = (name) => readFileSync(path.join(here, name), 'utf8');
const { buildSchema, graphqlSync } = await import(pathToFileURL(path.join(process.argv[2], 'index.mjs')));
const result = graphqlSync({
  schema: buildSchema(read('schema.graphql')),
  source: read('query.graphql'),
  variableValues: { name: 'Root' },
});
console.log(JSON.stringify(result, null, 1));
