// A customer signs up, logs in, orders, and waits for the e-mail.
import { sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import exec from 'k6/execution';
import { graphql, must } from './graphql.js';
import { productIds } from './product.js';
import { chaos, pick, ramp } from './shape.js';

export const options = ramp('buy');
export { handleSummary } from './summary.js';

const accepted = new Counter('orders_accepted');
const soldOut = new Counter('orders_out_of_stock');
const notified = new Trend('order_to_notification', true);

const SIGN_UP = `mutation SignUp($input: SignUpInput!) {
  signUp(input: $input) {
    __typename
    ... on Session { accessToken user { id email } }
    ... on Error { code message }
  }
}`;

const PLACE = `mutation PlaceOrder($input: PlaceOrderInput!) {
  placeOrder(input: $input) {
    __typename
    ... on OrderPayload { order { id status total { minorUnits } lines { quantity product { id name price { minorUnits } } unitPrice { minorUnits } } } }
    ... on TotalChanged { total { minorUnits currency } }
    ... on OutOfStock { shortages { productId requested available } }
    ... on Error { code message }
  }
}`;

const PRICE = `query Price($id: ID!) { product(id: $id) { price { minorUnits currency } } }`;

// JOURNAL writes every accepted order to the log, for the audit.
const journal = Boolean(__ENV.JOURNAL);

const ORDER = `query OrderNotifications($id: ID!) {
  order(id: $id) { id status notifications { id status __typename } }
}`;

export function setup() {
  return { ids: productIds() };
}

export function buy(data) {
  const name = `k6-${exec.scenario.name}-${Date.now().toString(36)}-${exec.vu.idInTest}-${exec.scenario.iterationInTest}`;
  const session = graphql('SignUp', SIGN_UP, { input: { username: name, email: `${name}@example.com`, password: 'correct horse battery' } });
  must(session && session.signUp.__typename === 'Session' && session.signUp.user.email === `${name}@example.com`, 'signing up returns a session');
  const params = { headers: { Authorization: `Bearer ${session.signUp.accessToken}` } };

  const lines = [{ productId: pick(data.ids), quantity: 1 }];
  const placed = Date.now();
  const shown = retryDuringOutage(() => graphql('Price', PRICE, { id: lines[0].productId }));
  must(shown && shown.product, 'the product has a price');
  let expectedTotal = shown.product.price;
  const place = () => graphql('PlaceOrder', PLACE, { input: { userId: session.signUp.user.id, lines, expectedTotal, idempotencyKey: name } }, params);
  let answer = retryDuringOutage(place);
  // The shopkeeper may have changed the price since; this customer pays any price.
  for (let tries = 0; answer && answer.placeOrder.__typename === 'TotalChanged' && tries < 5; tries++) {
    expectedTotal = answer.placeOrder.total;
    answer = retryDuringOutage(place);
  }
  must(answer && ['OrderPayload', 'OutOfStock'].includes(answer.placeOrder.__typename), 'an order is accepted or out of stock');
  if (answer.placeOrder.__typename === 'OutOfStock') {
    soldOut.add(1);
    return;
  }
  const order = answer.placeOrder.order;
  must(order.total.minorUnits === order.lines.reduce((sum, l) => sum + l.quantity * l.unitPrice.minorUnits, 0), 'the total is the sum of the lines');
  must(order.total.minorUnits === expectedTotal.minorUnits, 'the customer pays the expected total');
  accepted.add(1);
  if (journal) {
    console.log(`ACCEPTED ${JSON.stringify({ order: order.id, product: lines[0].productId, email: session.signUp.user.email })}`);
  }
  if (chaos) {
    return; // an outage may delay the e-mail; the audit checks it
  }

  for (let tries = 0; tries < 50; tries++) {
    const state = graphql('OrderNotifications', ORDER, { id: order.id }, params);
    if (state && state.order.notifications.some((n) => n.status === 'SENT')) {
      notified.add(Date.now() - placed);
      return;
    }
    sleep(0.2);
  }
  must(false, 'the customer is notified within 10 s');
}

// retryDuringOutage repeats a request while there is no response, for as long as
// an outage may last. The idempotency key makes sure that it is one order.
function retryDuringOutage(ask) {
  let answer = ask();
  for (let tries = 0; chaos && answer === null && tries < 40; tries++) {
    sleep(0.5);
    answer = ask();
  }
  return answer;
}

export default buy;
