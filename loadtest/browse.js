// A visitor pages through a category of the catalogue.
import { graphql, must } from './graphql.js';
import { pick, ramp } from './shape.js';

export const options = ramp('browse');
export { handleSummary } from './summary.js';

const BROWSE = `query Browse($category: String, $sort: ProductSort, $first: Int!, $after: String) {
  products(filter: { category: $category }, sort: $sort, first: $first, after: $after) {
    nodes { id name price { decimal currency } inStock }
    pageInfo { hasNextPage endCursor }
  }
}`;

const CATEGORIES = `query Categories { categories { slug name } }`;

export function browse() {
  const categories = graphql('Categories', CATEGORIES);
  must(categories && categories.categories.length > 0, 'the store has categories');
  const variables = {
    category: pick(categories.categories).slug,
    sort: pick(['NEWEST', 'NAME', 'PRICE_ASC', 'PRICE_DESC']),
    first: 12,
    after: null,
  };
  for (let page = 0; page < 3; page++) {
    const data = graphql('Browse', BROWSE, variables);
    must(data && data.products.nodes.every((p) => p.id && p.price.decimal >= 0 && typeof p.inStock === 'boolean'), 'each product of a page has an ID, a price and a stock status');
    if (!data.products.pageInfo.hasNextPage) {
      return;
    }
    variables.after = data.products.pageInfo.endCursor;
  }
}

export default browse;
