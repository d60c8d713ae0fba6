// The console: the frame around the views, and the token prompt.
import { type ComponentType, render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type Info, type SubgraphState, call, Failure, token } from './api';
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
  const offline = info.error?.kind === 'offline';
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
        <Status info={info.data} offline={offline} />
      </header>
      {offline && info.data && (
        <p class="banner" role="alert">
          No connection to the router. Trying again; what you see is from before.
        </p>
      )}
      <main id="main" tabIndex={-1} class={known ? `view-${known.routes[0]}` : ''}>
        {!ready && info.error && <Failed error={info.error} what="the console" retry={info.reload} />}
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

/** Loads the script of a view when it is first shown. */
function Lazy({ view, props }: { view: View; props: ViewProps }) {
  const [loaded, setLoaded] = useState<{ Shown?: ComponentType<ViewProps>; error?: Error }>({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let left = false;
    view.load().then(
      (module) => !left && setLoaded({ Shown: module.default }),
      (error: Error) => !left && setLoaded({ error }),
    );
    return () => {
      left = true;
    };
  }, [view, turn]);
  if (loaded.error) return <Failed error={loaded.error} what="the view" retry={() => setTurn(turn + 1)} />;
  if (!loaded.Shown) return <Loading what="the view" />;
  return <loaded.Shown {...props} />;
}

function Status({ info, offline }: { info: Info | undefined; offline: boolean }) {
  return (
    <div class="status">
      {info?.playground_url && (
        <a href={info.playground_url} target="_blank" rel="noopener">
          Playground
        </a>
      )}
      {info && (
        <span class="muted replica" title={`${info.replica}, supergraph ${info.supergraph.id}, started ${ago(info.started)}`}>
          {info.version}
        </span>
      )}
      <span class={`live ${offline ? 'bad' : info ? 'good' : ''}`} role="status">
        <i aria-hidden="true" />
        {offline ? 'reconnecting' : info ? 'live' : 'connecting'}
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
