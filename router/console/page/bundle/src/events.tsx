import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { call, type DeadLetter, type Events, Failure, type Info, type Outbox, type Stream } from './api';
import { clock, count, duration, moment, plural, rate, words } from './format';
import { useApi } from './hooks';
import { Chart, type Series } from './traffic/chart';
import { Table } from './table';
import { AsOf, Badge, Empty, Figure, Loaded, Unknown, When } from './ui';

/** The store's events: outboxes, streams, dead letters and orders. */
export default function EventsView({ info }: { info: Info }) {
  if (!info.features.events) {
    return (
      <div class="panel">
        <Empty title="This router has no events.">
          It shows those of the services in <code>admin.console.events</code>, and of the store in <code>souk dev</code>.
        </Empty>
      </div>
    );
  }
  return <Delivery />;
}

function Delivery() {
  const events = useApi<Events>('/events', 3000);
  return (
    <div class="stack">
      <h2>Events</h2>
      <Loaded of={events} what="the events">
        {(data) => (
          <>
            <Silent data={data} />
            <Report data={data} reload={events.reload} />
          </>
        )}
      </Loaded>
    </div>
  );
}

/** Part of a report, since when it is unknown if it is, and whether some services are missing in it. */
interface Known<T> {
  value: T;
  asOf?: string;
  partial: boolean;
}

type Parts = { [part in 'dead' | 'streams' | 'orders']: NonNullable<Events[part]> };

/** What was known last of each part, and of each outbox. */
const last: { [part in keyof Parts]?: { value: Parts[part]; time: string } } = {};
const lastOutboxes = new Map<string, { row: Outbox; time: string }>();

const whySilent = (row: Outbox): string | null => row.error ?? row.reason ?? null;

/** What a report says, or the last one that knew; undefined if none did. */
function known<P extends keyof Parts>(data: Events, part: P): Known<Parts[P]> | undefined {
  const value = data[part] as Parts[P] | null;
  const partial = (data.outbox ?? []).some(whySilent);
  if (value !== null && value !== undefined) {
    (last[part] as { value: Parts[P]; time: string } | undefined) = { value, time: data.time };
    return { value, asOf: data.error ? data.time : undefined, partial };
  }
  const before = last[part];
  return before && { value: before.value, asOf: before.time, partial };
}

function Report({ data, reload }: { data: Events; reload: () => void }) {
  const { dead, streams, orders } = { dead: known(data, 'dead'), streams: known(data, 'streams'), orders: known(data, 'orders') };
  const all = !data.error && !(data.outbox ?? []).some(whySilent);
  return (
    <>
      {/* If all services report, none has orders. */}
      {(orders || !all) && <Orders of={orders} />}
      <Lag history={data.history} />
      <DeadLetters of={dead} reload={reload} />
      <div class="pair">
        <div class="panel">
          <Outboxes rows={data.outbox ?? []} time={data.time} />
        </div>
        <div class="panel">
          <Streams of={streams} />
        </div>
      </div>
    </>
  );
}

/** A part without rows: whether there are none, were none, or nobody knows. */
function Nothing({ of, subject, unknown, children }: { of: Known<unknown> | undefined; subject: string; unknown: string; children?: ComponentChildren }) {
  if (!of) return <Unknown what={unknown}>No service that knows it reports.</Unknown>;
  if (of.asOf) return <Empty title={`There were no ${subject} at ${moment(of.asOf)}.`}>What has happened since is unknown.</Empty>;
  if (of.partial) return <Empty title={`The services that report have no ${subject}.`}>{children}</Empty>;
  return <Empty title={`There are no ${subject}.`}>{children}</Empty>;
}

/** Why there is no report, or none of some services. The alert is announced when it appears. */
function Silent({ data }: { data: Events }) {
  const silent = (data.outbox ?? []).filter(whySilent);
  return (
    <div role="alert" class="silent">
      {data.error && (
        <div class="notice bad">
          <p>
            <strong>There is no report since {moment(data.time)}.</strong> What follows is from before.
          </p>
          <p>{data.error}</p>
        </div>
      )}
      {silent.length > 0 && (
        <div class="notice bad">
          <p>
            <strong>{silent.length === 1 ? 'A service does not report' : `${count(silent.length)} of ${plural(data.outbox?.length ?? 0, 'service')} do not report`}.</strong> What follows is without {silent.length === 1 ? 'it' : 'them'}.
          </p>
          <dl class="pairs">
            {silent.map((each) => [<dt key={`${each.service} name`}>{each.service}</dt>, <dd key={each.service}>{whySilent(each)}</dd>])}
          </dl>
        </div>
      )}
    </div>
  );
}

function Orders({ of }: { of: Known<Parts['orders']> | undefined }) {
  const entries = Object.entries(of?.value.by_state ?? {});
  return (
    <section class="panel" aria-labelledby="orders">
      <h3 id="orders">Orders by state</h3>
      {of?.asOf && entries.length > 0 && <AsOf time={of.asOf} />}
      {entries.length === 0 ? (
        <Nothing of={of && { ...of, partial: false }} subject="orders" unknown="how many orders there are" />
      ) : (
        <dl class="figures-row">
          {entries.map(([state, n]) => (
            <Figure key={state} label={words(state).toLowerCase()} value={count(n)} />
          ))}
        </dl>
      )}
    </section>
  );
}

function Lag({ history }: { history: Events['history'] }) {
  const series = useMemo<Series[]>(() => [{ label: 'lag', values: history?.outbox_lag ?? [], color: '--c1', fill: true }], [history]);
  if (!history?.times || history.times.length < 2) return null;
  return (
    <div class="charts one">
      <Chart title="Age of the oldest event in an outbox" times={history.times} series={series} format={duration} />
    </div>
  );
}

/** The type of a dead letter's event. A letter that is not a CloudEvent may have none. */
const nameOf = (row: DeadLetter): string => row.type || 'event of unknown type';

function DeadLetters({ of, reload }: { of: Known<DeadLetter[]> | undefined; reload: () => void }) {
  const rows = of?.value ?? [];
  const [message, setMessage] = useState('');
  const done = (text: string) => {
    setMessage(text);
    reload();
  };
  return (
    <div class="panel">
      {of?.asOf && rows.length > 0 && <AsOf time={of.asOf} />}
      <Table<DeadLetter>
        caption="Dead letters"
        rows={rows}
        id={(row) => `${row.service} ${row.id}`}
        sort="time"
        empty={
          <Nothing of={of} subject="dead letters" unknown="whether there are dead letters">
            Events that a consumer gives up on are kept here, with their error.
          </Nothing>
        }
        detail={(row) => <Letter row={row} />}
        columns={[
          { key: 'type', label: 'Event', by: (row) => row.type, cell: (row) => nameOf(row) },
          { key: 'service', label: 'Consumer', by: (row) => row.service, cell: (row) => row.service },
          { key: 'error', label: 'Error', grow: true, cell: (row) => <span class="ellipsis" title={row.error}>{row.error}</span> },
          { key: 'attempts', label: 'Attempts', number: true, by: (row) => row.attempts, cell: (row) => count(row.attempts) },
          { key: 'time', label: 'When', number: true, by: (row) => row.time, cell: (row) => <When time={row.time} /> },
          { key: 'retry', label: 'Retry', bare: true, cell: (row) => <Retry row={row} done={done} /> },
        ]}
      />
      <p role="status" class={message === '' ? 'hidden' : 'notice'}>
        {message}
      </p>
    </div>
  );
}

function Letter({ row }: { row: DeadLetter }) {
  return (
    <>
      <p class="notice bad">{row.error}</p>
      <dl class="inline">
        <dt>ID</dt>
        <dd>
          <code>{row.id}</code>
        </dd>
        {row.event_id && (
          <>
            <dt>Event ID</dt>
            <dd>
              <code>{row.event_id}</code>
            </dd>
          </>
        )}
        {row.subject && (
          <>
            <dt>Subject</dt>
            <dd>
              <code>{row.subject}</code>
            </dd>
          </>
        )}
        <dt>Stream</dt>
        <dd>
          <code>{row.stream}</code>
        </dd>
        {row.group && (
          <>
            <dt>Group</dt>
            <dd>{row.group}</dd>
          </>
        )}
        <dt>Attempts</dt>
        <dd>{count(row.attempts)}</dd>
      </dl>
      <pre class="code" tabIndex={0} role="region" aria-label="Payload">
        {JSON.stringify(row.payload, null, 2)}
      </pre>
    </>
  );
}

const refusals: Record<number, string> = { 404: 'gone already', 409: 'being retried already' };

/** A button that stays, so that the focus stays on it, and says what has come of it. */
function Retry({ row, done }: { row: DeadLetter; done: (message: string) => void }) {
  const [state, setState] = useState<'idle' | 'busy' | 'sent'>('idle');
  const [refusal, setRefusal] = useState('');
  const retry = async () => {
    if (state !== 'idle') return;
    setState('busy');
    setRefusal('');
    try {
      await call(`/events/dead/${encodeURIComponent(row.service)}/${encodeURIComponent(row.id)}/retry`, { method: 'POST' });
      setState('sent');
      done(`${nameOf(row)} is sent to ${row.service} again. If it fails again, it comes back as a new dead letter.`);
    } catch (cause) {
      const why = cause instanceof Failure ? (refusals[cause.status] ?? cause.message) : String(cause);
      setState('idle');
      setRefusal(why);
      done(`${nameOf(row)} could not be retried: ${why}`);
    }
  };
  return (
    <span class="row">
      <button type="button" aria-disabled={state !== 'idle'} onClick={() => void retry()} aria-label={`${state === 'sent' ? 'Sent again:' : 'Retry'} ${nameOf(row)} ${row.id}`}>
        {state === 'sent' ? 'Sent again' : 'Retry'}
      </button>
      {refusal !== '' && <Badge tone="bad">{refusal}</Badge>}
    </span>
  );
}

function Outboxes({ rows, time }: { rows: Outbox[]; time: string }) {
  for (const row of rows) {
    if (!whySilent(row)) lastOutboxes.set(row.service, { row, time });
  }
  /** The figures of a service, or its last ones. */
  const of = (row: Outbox): Outbox => (whySilent(row) ? (lastOutboxes.get(row.service)?.row ?? { ...row, pending: null, oldest_age: null, published_per_second: null }) : row);
  const figure = (row: Outbox, shown: string) => (whySilent(row) ? <span class="muted">{shown}</span> : shown);
  return (
    <Table<Outbox>
      caption="Outboxes"
      rows={rows}
      id={(row) => row.service}
      sort="pending"
      empty={<Empty title="No service has an outbox." />}
      columns={[
        { key: 'service', label: 'Service', grow: true, by: (row) => row.service, cell: (row) => <Service row={row} /> },
        { key: 'pending', label: 'Pending', number: true, by: (row) => of(row).pending, cell: (row) => figure(row, count(of(row).pending)) },
        { key: 'age', label: 'Oldest', number: true, by: (row) => of(row).oldest_age, cell: (row) => figure(row, duration(of(row).oldest_age)) },
        { key: 'rate', label: 'Published', number: true, by: (row) => of(row).published_per_second, cell: (row) => figure(row, rate(of(row).published_per_second)) },
      ]}
    />
  );
}

/** A service, and since when it does not report. */
function Service({ row }: { row: Outbox }) {
  const why = whySilent(row);
  const before = lastOutboxes.get(row.service);
  return (
    <span title={why ?? undefined}>
      {row.service} {why && <Badge tone="bad">no report</Badge>}
      {why && before && <small> as of {clock(Date.parse(before.time) / 1000)}</small>}
    </span>
  );
}

function Streams({ of }: { of: Known<Stream[]> | undefined }) {
  const streams = of?.value ?? [];
  const rows = streams.flatMap((stream) => (stream.groups ?? []).map((group) => ({ stream: stream.name, length: stream.length, ...group })));
  return (
    <>
      {of?.asOf && rows.length > 0 && <AsOf time={of.asOf} />}
      <Table
        caption="Consumer groups"
        rows={rows}
        id={(row) => `${row.stream} ${row.name}`}
        sort="lag"
        empty={<Nothing of={of} subject="consumer groups" unknown="which consumer groups there are" />}
        columns={[
          { key: 'name', label: 'Group', grow: true, by: (row) => row.name, cell: (row) => row.name },
          { key: 'stream', label: 'Stream', by: (row) => row.stream, cell: (row) => row.stream },
          { key: 'lag', label: 'Lag', number: true, by: (row) => row.lag, cell: (row) => <span class={row.lag > 100 ? 'bad-text' : ''}>{count(row.lag)}</span> },
          { key: 'pending', label: 'Pending', number: true, by: (row) => row.pending, cell: (row) => count(row.pending) },
          { key: 'consumers', label: 'Consumers', number: true, by: (row) => row.consumers, cell: (row) => count(row.consumers) },
        ]}
      />
      {streams.length > 0 && <p class="muted">{streams.map((stream) => `${stream.name}: ${plural(stream.length, 'event')}`).join(', ')}</p>}
    </>
  );
}
