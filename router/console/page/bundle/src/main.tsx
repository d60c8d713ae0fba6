// The console: the frame around the views, and the token prompt.
import { type ComponentType, render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type Info, type SubgraphState, call, Failure, token } from './api';
import { onRecovery, useConnection } from './connection';
import { ago } from './format';
import { tokenRefused, useApi, useRoute } from './hooks';
import { Boundary, Empty, Failed, Loading, setSubgraphs } from './ui';
import 'uplot/dist/uPlot.min.css';
import './style.css';

interface ViewProps {
  info: Info;
  view: string;
  parts: string[];
}

interface View {
  title: string;
  load: () => Promise<{ default: ComponentType<ViewProps> }>;
  /** The first parts of the routes that the view has. */
  routes: string[];
}

const views: View[] = [
  { title: 'Graph', routes: ['graph', 'subgraph'], load: () => import('./graph/view') },
  { title: 'Operation', routes: ['operation'], load: () => import('./operation/view') },
  { title: 'Traffic', routes: ['traffic'], load: () => import('./traffic/view') },
  { title: 'Events', routes: ['events'], load: () => import('./events') as Promise<{ default: ComponentType<ViewProps> }> },
  { title: 'Reloads', routes: ['reloads'], load: () => import('./reloads') as Promise<{ default: ComponentType<ViewProps> }> },
];

/** How often the page asks whether the router is there, in milliseconds. */
const heartbeat = 3000;

function Console() {
  const [refused, setRefused] = useState(false);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const show = () => setRefused(true);
    tokenRefused.addEventListener('refused', show);
    return () => tokenRefused.removeEventListener('refused', show);
  }, []);
  if (refused) {
    return (
      <TokenPrompt
        accepted={() => {
          setRefused(false);
          setTurn(turn + 1);
        }}
      />
    );
  }
  return <Frame key={turn} />;
}

function Frame() {
  const info = useApi<Info>('/info', heartbeat);
  const [view = 'graph', ...parts] = useRoute();
  // The colors of subgraphs are the same in all views.
  const subgraphs = useApi<{ subgraphs: SubgraphState[] | null }>('/subgraphs', 0, info.data?.supergraph.id);
  if (subgraphs.data?.subgraphs) setSubgraphs(subgraphs.data.subgraphs.map((each) => each.name));
  const known = views.find((each) => each.routes.includes(view));
  useEffect(() => {
    document.title = `${known?.title ?? 'Not found'} – Souk console`;
  }, [known]);
  const failure = useConnection();
  useEffect(() => {
    // Once the page is there, it needs the router for data only.
    if (info.data) for (const each of views) each.load().catch(() => {}); // Lazy says so if it is needed
  }, [info.data === undefined]);
  const ready = info.data && (subgraphs.data || subgraphs.error);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>
        Skip to the content
      </a>
      <header class="top">
        <h1>
          <a href="#/graph">Souk console</a>
        </h1>
        <nav aria-label="Views">
          {views
            .filter((each) => each.title !== 'Events' || info.data?.features.events)
            .map((each) => (
              <a key={each.title} href={`#/${each.routes[0]}`} aria-current={each === known ? 'page' : undefined}>
                {each.title}
              </a>
            ))}
        </nav>
        <Status info={info.data} failure={failure} />
      </header>
      {failure && info.data && (
        <p class="banner" role="alert">
          {reason(failure)} Trying again; what you see is from before.
        </p>
      )}
      <main id="main" tabIndex={-1} class={known ? `view-${known.routes[0]}` : ''}>
        {!ready && info.error && <Failed error={new Error(reason(info.error))} what="the console" retry={info.reload} />}
        {!ready && !info.error && <Loading what="the console" />}
        {ready && info.data && !known && <Empty title="There is no such view." />}
        {ready && info.data && known && (
          <Boundary name={location.hash}>
            <Lazy key={known.title} view={known} props={{ info: info.data, view, parts }} />
          </Boundary>
        )}
      </main>
    </>
  );
}

/** What is wrong with the connection, in a sentence or two. */
function reason(failure: Failure): string {
  if (failure.kind === 'offline') return 'No connection to the router.';
  if (failure.status === 429) return `The router rejects the requests of this page: ${failure.message}`;
  return failure.status >= 500 ? `The router cannot give all data (status ${failure.status})${failure.why === undefined ? '.' : `: ${failure.why}`}` : failure.message;
}

/** Loads the script of a view when it is first shown, and again while that fails. */
function Lazy({ view, props }: { view: View; props: ViewProps }) {
  const [loaded, setLoaded] = useState<{ Shown?: ComponentType<ViewProps>; error?: Error }>({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (loaded.Shown) return undefined;
    let left = false;
    view.load().then(
      (module) => !left && setLoaded({ Shown: module.default }),
      () => {
        if (left) return;
        setLoaded({ error: new Error('The router did not send its script. If the router has a new version, reload the page.') });
        timer = setTimeout(() => setTurn(turn + 1), heartbeat);
      },
    );
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = onRecovery(() => setTurn(turn + 1));
    return () => {
      left = true;
      clearTimeout(timer);
      stop();
    };
  }, [view, turn]);
  if (loaded.error) return <Failed error={loaded.error} what="the view" retry={() => setTurn(turn + 1)} also={<button type="button" onClick={() => location.reload()}>Reload the page</button>} />;
  if (!loaded.Shown) return <Loading what="the view" />;
  return <loaded.Shown {...props} />;
}

function Status({ info, failure }: { info: Info | undefined; failure: Failure | undefined }) {
  const state = failure ? (failure.kind === 'offline' ? 'reconnecting' : failure.status === 429 ? 'rejected' : 'failing') : info ? 'live' : 'connecting';
  return (
    <div class="status">
      {info?.playground_url && (
        <a href={info.playground_url} target="_blank" rel="noopener">
          Playground
        </a>
      )}
      {info && (
        <span class="muted replica" title={`${info.replica}, supergraph ${info.supergraph.id}, started ${ago(info.started)}`}>
          version {info.version}
        </span>
      )}
      <span class={`live ${failure ? 'bad' : info ? 'good' : ''}`} role="status">
        <i aria-hidden="true" />
        {state}
      </span>
    </div>
  );
}

function TokenPrompt({ accepted }: { accepted: () => void }) {
  const [value, setValue] = useState('');
  const [message, setMessage] = useState(token.get() === '' ? '' : 'The router does not accept the token that was used before.');
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    token.set(value.trim());
    try {
      await call('/info');
      accepted();
    } catch (cause) {
      token.set('');
      setMessage(cause instanceof Failure && cause.kind === 'token' ? 'The router does not accept this token.' : (cause as Error).message);
      setBusy(false);
    }
  };
  return (
    <main class="prompt">
      <form class="panel" onSubmit={(event) => void submit(event)}>
        <h1>Souk console</h1>
        <p class="muted">
          Enter the token of the console, which is configured as <code>admin.console.token</code>. The page forgets it when you close it.
        </p>
        <label for="token">Token</label>
        <input id="token" type="password" autocomplete="off" required autofocus value={value} onInput={(event) => setValue(event.currentTarget.value)} aria-describedby="token-message" />
        <p id="token-message" role="alert" class={message === '' ? 'hidden' : 'notice bad'}>
          {message}
        </p>
        <button type="submit" class="main" disabled={busy}>
          Open the console
        </button>
      </form>
    </main>
  );
}

const root = document.getElementById('console');
if (root) {
  root.textContent = '';
  render(<Console />, root);
}
