// A visitor searches for products, sometimes with typing errors.
import { graphql, must } from './graphql.js';
import { pick, ramp } from './shape.js';

export const options = ramp('search');
export { handleSummary } from './summary.js';

const SEARCH = `query Search($words: String!, $first: Int!) {
  products(filter: { search: $words }, sort: RELEVANCE, first: $first) {
    totalCount
    nodes { id name category { name } price { decimal currency } }
  }
}`;

const WORDS = ['lamp', 'wireless', 'chair', 'cotton', 'steel bottle', 'notebook', 'coffee', 'headphnes', 'garden', 'laptp'];

export function search() {
  const data = graphql('Search', SEARCH, { words: pick(WORDS), first: 10 });
  must(data && data.products.nodes.length <= Math.min(10, data.products.totalCount), 'a search returns at most totalCount products');
}

export default search;
