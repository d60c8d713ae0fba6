import { createInlineSigningKeyProvider, createRemoteJwksSigningKeyProvider, defineConfig, extractFromHeader } from '@graphql-hive/gateway';
import { openTelemetrySetup } from '@graphql-hive/gateway/opentelemetry/setup';
import { myPlugin } from './plugin';

// a { comment
openTelemetrySetup({ contextManager: new AsyncLocalStorageContextManager(), traces: { console: true } });
const PORT = 4001;
const origins = ['https://shop.example', "https://admin.example"] as const;

export const gatewayConfig = defineConfig({
  supergraph: { type: 'hive', endpoint: process.env.HIVE_CDN_ENDPOINT!, key: process.env['HIVE_CDN_KEY'] },
  host: '127.0.0.1', port: PORT,
  /* ms */ pollingInterval: 30 * 1000,
  cors: { origin: origins, credentials: true, maxAge: 600 },
  maxDepth: { limit: 12 },
  openTelemetry: { traces: true },
  jwt: {
    signingKeyProviders: [
      createInlineSigningKeyProvider(process.env.SECRET),
      createRemoteJwksSigningKeyProvider({ jwksUri: 'https://issuer.example/jwks.json' }),
    ],
    tokenLookupLocations: [extractFromHeader({ name: 'authorization', prefix: 'Bearer' })],
    tokenVerification: { issuer: 'https://issuer.example', audience: ['shop'], algorithms: ['RS256', 'HS256'] },
    reject: { missingToken: false },
  },
  genericAuth: { mode: 'protect-all', resolveUserFn: async (ctx) => ({ id: ctx.x }) },
  hmacSignature: { secret: process.env.HMAC },
  propagateHeaders: { fromClientToSubgraphs({ request }) { return { authorization: request.headers.get('authorization') } } },
  transportEntries: { products: { location: `${process.env.PRODUCTS}/graphql`, headers: [['x-key', 'a'], ['x-dyn', '{context.headers.y}']] }, '*.http': { options: { deduplicateInFlightRequests: false } } },
  plugins: (ctx) => [myPlugin(ctx)],
  pubsub: new NATSPubSub(conn), upstreamTimeout: ({ subgraphName }) => 3000, batching: { limit: 5 },
  ...shared,
})
