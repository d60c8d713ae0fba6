// A visitor opens product pages: one operation over the product and inventory
// services.
import { graphql, must } from './graphql.js';
import { pick, ramp, popular } from './shape.js';

export const options = ramp('product');
export { handleSummary } from './summary.js';

const PAGE = `query ProductPage($id: ID!) {
  product(id: $id) {
    id name description weight tags
    price { decimal currency minorUnits }
    inStock available shippingEstimate { decimal currency }
    stock { onHand reserved available }
    category { name products(first: 4) { nodes { id name inStock price { decimal } } } }
  }
}`;

const IDS = `query ProductIds { products(sort: NAME, first: 100) { nodes { id } } }`;

/** Returns the IDs of products, for scenarios that need some. */
export function productIds() {
  const data = graphql('ProductIds', IDS);
  must(data && data.products.nodes.length > 0, 'the store has products');
  return data.products.nodes.map((p) => p.id);
}

export function setup() {
  return { ids: productIds() };
}

export function product(data) {
  const id = popular(data.ids);
  const page = graphql('ProductPage', PAGE, { id });
  must(page && page.product && page.product.id === id, 'the page shows the requested product');
  must(page.product.stock === null || page.product.stock.available === page.product.available, 'both stock fields agree');
  must(page.product.category.products.nodes.length > 0 && pick(page.product.category.products.nodes).name, 'products of the same category have names');
}

export default product;
