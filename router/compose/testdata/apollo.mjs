// Composes with @apollo/composition: [[{name, url, sdl}]] on stdin, and for each
// {supergraph} or {errors: [{code, message}]} on stdout.
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { readFileSync } from 'node:fs';

function compose(subgraphs) {
  try {
    const result = composeServices(subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })));
    if (!result.errors) return { supergraph: result.supergraphSdl };
    return { errors: result.errors.map(({ message, extensions }) => ({ code: extensions?.code ?? '', message })) };
  } catch (error) {
    return { errors: [{ code: 'THROWN', message: String(error) }] };
  }
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(compose)));
