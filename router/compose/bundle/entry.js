// The function that Go calls. It takes and returns JSON text, so that no JavaScript
// object is shared with Go.
import './globals.js';
import { composeServices } from '@theguild/federation-composition';
import { GraphQLError, parse } from 'graphql';

// describe returns the parts of an error that Go uses. Line and column are 0 for
// errors without a location.
function describe(error) {
  const at = error.locations?.[0];
  return {
    code: error.extensions?.code ?? '',
    message: error.message,
    subgraph: error.extensions?.subgraphName ?? '',
    line: at?.line ?? 0,
    column: at?.column ?? 0,
  };
}

// compose takes [{name, url, sdl}] and returns {supergraph} or {errors}.
globalThis.compose = function compose(input) {
  const services = [];
  for (const { name, url, sdl } of JSON.parse(input)) {
    try {
      services.push({ name, url, typeDefs: parse(sdl) });
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      return JSON.stringify({ errors: [{ ...describe(error), code: 'INVALID_GRAPHQL', subgraph: name }] });
    }
  }
  const result = composeServices(services);
  if (result.errors) {
    return JSON.stringify({ errors: result.errors.map(describe) });
  }
  return JSON.stringify({ supergraph: result.supergraphSdl });
};
