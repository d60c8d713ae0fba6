import { useMemo, useState } from 'preact/hooks';
import { call, type DeadLetter, type Events, Failure, type Info, type Outbox } from './api';
import { count, duration, moment, plural, rate, words } from './format';
import { useApi } from './hooks';
import { Chart, type Series } from './traffic/chart';
import { Table } from './table';
import { Badge, Empty, Figure, Loaded, When } from './ui';

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
            <Orders states={data.orders?.by_state ?? {}} />
            <Lag history={data.history} />
            <DeadLetters rows={data.dead ?? []} reload={events.reload} />
            <div class="pair">
              <div class="panel">
                <Outboxes rows={data.outbox ?? []} />
              </div>
              <div class="panel">
                <Streams streams={data.streams ?? []} />
              </div>
            </div>
          </>
        )}
      </Loaded>
    </div>
  );
}

/** Why there is no report, or none of some services. The alert is announced when it appears. */
function Silent({ data }: { data: Events }) {
  const silent = (data.outbox ?? []).filter((each) => each.error);
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
            {silent.map((each) => [<dt key={`${each.service} name`}>{each.service}</dt>, <dd key={each.service}>{each.error}</dd>])}
          </dl>
        </div>
      )}
    </div>
  );
}

function Orders({ states }: { states: Record<string, number> }) {
  const entries = Object.entries(states);
  return (
    <section class="panel" aria-labelledby="orders">
      <h3 id="orders">Orders by state</h3>
      {entries.length === 0 ? (
        <Empty title="There are no orders yet." />
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

function DeadLetters({ rows, reload }: { rows: DeadLetter[]; reload: () => void }) {
  const [message, setMessage] = useState('');
  const done = (text: string) => {
    setMessage(text);
    reload();
  };
  return (
    <div class="panel">
      <Table<DeadLetter>
        caption="Dead letters"
        rows={rows}
        id={(row) => `${row.service} ${row.id}`}
        sort="time"
        empty={<Empty title="There are no dead letters.">Events that a consumer gives up on are kept here, with their error.</Empty>}
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
        <dt>Stream</dt>
        <dd>
          <code>{row.stream}</code>
        </dd>
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

function Outboxes({ rows }: { rows: Outbox[] }) {
  const known = (row: Outbox, shown: string) => (row.error ? <span class="muted">–</span> : shown);
  return (
    <Table<Outbox>
      caption="Outboxes"
      rows={rows}
      id={(row) => row.service}
      sort="pending"
      empty={<Empty title="No service has an outbox." />}
      columns={[
        { key: 'service', label: 'Service', grow: true, by: (row) => row.service, cell: (row) => <span title={row.error ?? undefined}>{row.service} {row.error && <Badge tone="bad">no report</Badge>}</span> },
        { key: 'pending', label: 'Pending', number: true, by: (row) => (row.error ? null : row.pending), cell: (row) => known(row, count(row.pending)) },
        { key: 'age', label: 'Oldest', number: true, by: (row) => (row.error ? null : row.oldest_age), cell: (row) => known(row, duration(row.oldest_age)) },
        { key: 'rate', label: 'Published', number: true, by: (row) => (row.error ? null : row.published_per_second), cell: (row) => known(row, rate(row.published_per_second)) },
      ]}
    />
  );
}

function Streams({ streams }: { streams: NonNullable<Events['streams']> }) {
  const rows = streams.flatMap((stream) => (stream.groups ?? []).map((group) => ({ stream: stream.name, length: stream.length, ...group })));
  return (
    <>
      <Table
        caption="Consumer groups"
        rows={rows}
        id={(row) => `${row.stream} ${row.name}`}
        sort="lag"
        empty={<Empty title="No stream has a consumer group." />}
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
