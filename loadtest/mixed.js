// The traffic of a shop: many visitors browse, some search, few buy. RATE is the
// number of visits per second at the peak, DURATION the length of the peak. With
// CHAOS, prices change, too, so that the audit can check the cache.
import { browse } from './browse.js';
import { buy } from './buy.js';
import { product, productIds } from './product.js';
import { search } from './search.js';
import { arrivals, chaos, summaryTrendStats, thresholds } from './shape.js';
import { shopkeeper } from './shopkeeper.js';

export { handleSummary } from './summary.js';
export { browse, buy, product, search, shopkeeper };

export const options = {
  scenarios: {
    product: arrivals('product', 0.5),
    browse: arrivals('browse', 0.3),
    search: arrivals('search', 0.15),
    buy: arrivals('buy', 0.05),
    ...(chaos ? { shopkeeper: arrivals('shopkeeper', 0.05) } : {}),
  },
  summaryTrendStats,
  thresholds,
};

export function setup() {
  return { ids: productIds() };
}
