// The REST requests that a newcomer tries first, in sequence.
import exec from 'k6/execution';
import { must, rest } from './graphql.js';
import { ramp } from './shape.js';

export const options = ramp('rest');
export { handleSummary } from './summary.js';

export default function () {
  const name = `rest-${Date.now().toString(36)}-${exec.vu.idInTest}-${exec.scenario.iterationInTest}`;
  rest('GET', '/api/health', null, 200);

  const user = rest('POST', '/api/users', { username: name, email: `${name}@example.com` }, 201);
  must(user.data && Number.isInteger(user.data.id) && user.headers.Location === `/api/users/${user.data.id}`, 'a created user has an integer ID and a Location');

  const product = rest('POST', '/api/products', { name: `Laptop ${name}`, price: 999.99, stock: 10 }, 201);
  must(product.data && Number.isInteger(product.data.id) && product.data.price === 999.99, 'a product keeps its price');

  const order = rest('POST', '/api/orders', { userId: user.data.id, productId: product.data.id, quantity: 2, expectedTotal: 1999.98 }, 201);
  must(order.data && order.data.total === 1999.98, 'an order has its total');

  const stock = rest('GET', `/api/inventory/${product.data.id}`, null, 200, { route: '/api/inventory/{productId}' });
  must(stock.data && stock.data.available === 8, 'the order reduces the stock');

  const list = rest('GET', '/api/products', null, 200);
  must(Array.isArray(list.data) && list.data.length > 0, 'the list has products');

  const short = rest('POST', '/api/orders', { userId: user.data.id, productId: product.data.id, quantity: 99 }, 409);
  must(short.data && short.data.status === 409 && short.data.title, 'a shortage is reported as a problem with a title');

  const dearer = rest('POST', '/api/orders', { userId: user.data.id, productId: product.data.id, quantity: 1, expectedTotal: 5 }, 409);
  must(dearer.data && dearer.data.code === 'TOTAL_CHANGED' && dearer.data.total === 999.99, 'another total than the expected one is reported');

  const wrong = rest('POST', '/api/products', { nam: 'Laptop' }, 422);
  must(wrong.data && wrong.data.errors.length > 0, 'unknown fields are reported');
}
