// Composes with @apollo/composition: [[{name, url, sdl}]] on stdin, and for each
// {supergraph, hints: [{code, coordinate}]} or {errors: [{code, message}]} on stdout.
import { composeServices } from '@apollo/composition';
import { GraphQLError, parse } from 'graphql';
import { readFileSync } from 'node:fs';

function compose(subgraphs) {
  try {
    const result = composeServices(subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })));
    if (!result.errors) {
      const hints = result.hints.map(({ definition, coordinate }) => ({ code: definition.code, coordinate: coordinate ?? '' }));
      return { supergraph: result.supergraphSdl, hints };
    }
    return { errors: result.errors.map(({ message, extensions }) => ({ code: extensions?.code ?? '', message })) };
  } catch (error) {
    const code = error instanceof GraphQLError ? 'INVALID_GRAPHQL' : 'THROWN'; // the former is a syntax error
    return { errors: [{ code, message: String(error) }] };
  }
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(compose)));
