// A shopkeeper changes prices while others shop. In enforced mode, TOKEN must be
// an administrator's.
import { graphql, must } from './graphql.js';
import { productIds } from './product.js';
import { pick, ramp } from './shape.js';

export const options = ramp('shopkeeper');
export { handleSummary } from './summary.js';

const PRICE = `mutation Price($id: ID!, $price: MoneyInput!) {
  updateProduct(input: { id: $id, price: $price }) {
    __typename
    ... on ProductPayload { product { id price { minorUnits } } }
    ... on Error { code message }
  }
}`;

export function setup() {
  return { ids: productIds() };
}

export function shopkeeper(data) {
  const id = pick(data.ids);
  const minorUnits = 100 + Math.floor(Math.random() * 99900);
  const answer = graphql('Price', PRICE, { id, price: { minorUnits } });
  must(answer && answer.updateProduct.__typename === 'ProductPayload', 'a price can be changed');
  must(answer.updateProduct.product.id === id && answer.updateProduct.product.price.minorUnits === minorUnits, 'the product has the new price');
}

export default shopkeeper;
