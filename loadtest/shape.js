// The shape of the load: visits arrive at a rate that rises, holds and falls, no
// matter how long each visit takes (an open model).

const rate = Number(__ENV.RATE || 40);
const duration = __ENV.DURATION || '30s';

export const summaryTrendStats = ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)'];

// CHAOS means that parts of the store are killed under load. Requests may fail
// then; the audit checks what must not happen.
export const chaos = Boolean(__ENV.CHAOS);

export const thresholds = chaos ? { orders_accepted: ['count>0'] } : {
  checks: ['rate>0.999'],
  http_req_failed: ['rate<0.001'],
  graphql_errors: ['rate<0.001'],
  http_req_duration: ['p(95)<500', 'p(99)<1500'],
  dropped_iterations: ['count<50'],
};

/** A scenario that runs an exported function at a share of RATE. */
export function arrivals(exported, share) {
  const target = Math.max(1, Math.round(rate * share));
  return {
    executor: 'ramping-arrival-rate',
    exec: exported,
    startRate: 1,
    timeUnit: '1s',
    preAllocatedVUs: Math.max(4, target * 2),
    maxVUs: Math.max(20, target * 12),
    stages: [
      { duration: '5s', target },
      { duration, target },
      { duration: '3s', target: 1 },
    ],
    gracefulStop: '15s',
  };
}

/** The options of a script with one scenario. */
export function ramp(exported) {
  return {
    scenarios: { [exported]: { ...arrivals(exported, 1), exec: 'default' } },
    summaryTrendStats,
    thresholds,
  };
}

export function pick(list) {
  return list[Math.floor(Math.random() * list.length)];
}

/** Picks an element; the first few of the list are picked most of the time. */
export function popular(list) {
  return list[Math.floor(Math.random() ** 3 * list.length)];
}
