// Writes the results of a run: a line per figure for the terminal, summary.json
// for programs and summary.html for browsers. RESULTS is the directory.

export function handleSummary(data) {
  const results = __ENV.RESULTS || '.';
  const figures = pickFigures(data.metrics);
  const failed = failedThresholds(data.metrics);
  return {
    stdout: text(figures, failed),
    [`${results}/summary.json`]: JSON.stringify({ figures, failed, metrics: data.metrics, root_group: data.root_group }, null, 2),
    [`${results}/summary.html`]: html(figures, failed, data.metrics),
  };
}

function pickFigures(metrics) {
  const value = (metric, name) => (metrics[metric] ? metrics[metric].values[name] : null);
  return [
    ['requests', value('http_reqs', 'count'), ''],
    ['requests per second', value('http_reqs', 'rate'), '/s'],
    ['median', value('http_req_duration', 'med'), 'ms'],
    ['p95', value('http_req_duration', 'p(95)'), 'ms'],
    ['p99', value('http_req_duration', 'p(99)'), 'ms'],
    ['failed requests', percent(value('http_req_failed', 'rate')), '%'],
    ['GraphQL errors', percent(value('graphql_errors', 'rate')), '%'],
    ['passed checks', percent(value('checks', 'rate')), '%'],
    ['orders accepted', value('orders_accepted', 'count'), ''],
    ['orders out of stock', value('orders_out_of_stock', 'count'), ''],
    ['order to e-mail, p95', value('order_to_notification', 'p(95)'), 'ms'],
    ['dropped visits', value('dropped_iterations', 'count'), ''],
  ].filter(([, v]) => v !== null && v !== undefined);
}

function percent(rate) {
  return rate === null ? null : rate * 100;
}

function failedThresholds(metrics) {
  return Object.entries(metrics).flatMap(([name, metric]) =>
    Object.entries(metric.thresholds || {})
      .filter(([, t]) => !t.ok)
      .map(([expression]) => `${name}: ${expression}`),
  );
}

function round(n) {
  return Number.isInteger(n) ? String(n) : n.toFixed(2);
}

function text(figures, failed) {
  const lines = figures.map(([name, value, unit]) => `  ${name.padEnd(24)} ${round(value).padStart(12)} ${unit}`);
  const verdict = failed.length === 0 ? '  all thresholds passed' : `  failed thresholds: ${failed.join('; ')}`;
  return `\n${lines.join('\n')}\n${verdict}\n\n`;
}

function html(figures, failed, metrics) {
  const row = (cells) => `<tr>${cells.map((c) => `<td>${escape(String(c))}</td>`).join('')}</tr>`;
  const trends = Object.entries(metrics).filter(([, m]) => m.type === 'trend');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Souk under load</title>
<style>body{font:15px system-ui;margin:2rem auto;max-width:60rem}td,th{padding:.3rem .8rem;text-align:right;border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}.bad{color:#b00}</style>
<h1>Souk under load</h1>
<p class="${failed.length ? 'bad' : ''}">${failed.length ? `Failed thresholds: ${escape(failed.join('; '))}` : 'All thresholds passed.'}</p>
<table>${figures.map(([n, v, u]) => row([n, `${round(v)} ${u}`])).join('')}</table>
<h2>Durations, ms</h2>
<table><tr><th>metric<th>mean<th>median<th>p90<th>p95<th>p99<th>max</tr>
${trends.map(([n, m]) => row([n, ...['avg', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'].map((k) => (m.values[k] === undefined ? '–' : round(m.values[k])))])).join('\n')}
</table></html>`;
}

function escape(s) {
  return s.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
}
