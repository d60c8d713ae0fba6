// The one function Go calls. Takes and gives JSON texts, so that no JavaScript
// object crosses the border.
import './globals.js';
import { composeServices } from '@theguild/federation-composition';
import { GraphQLError, parse } from 'graphql';

// describe keeps of an error what the Go side can use. A place is told for
// errors that carry one; its source's name is the subgraph's.
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

// compose takes [{name, url, sdl}] and gives {supergraph} or {errors}.
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
