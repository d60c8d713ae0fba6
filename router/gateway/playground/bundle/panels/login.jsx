// Logs in with the mutation logIn, and sends the access token with each operation from then
// on, as a header of the current tab. The token is not stored.
import { useState } from 'preact/hooks';

const mutation = 'mutation LogIn($input: LogInInput!) { logIn(input: $input) { __typename ... on Session { accessToken } ... on Error { message } } }';

export function LoginPanel({ endpoint, headers, setHeaders }) {
  const [message, setMessage] = useState('');
  const [busy, setBusy] = useState(false);
  const current = parse(headers);
  const name = Object.keys(current).find((each) => each.toLowerCase() === 'authorization');
  const change = (token) => {
    const next = { ...current };
    if (name) delete next[name];
    if (token) next.Authorization = `Bearer ${token}`;
    setHeaders(Object.keys(next).length === 0 ? '' : JSON.stringify(next, null, 2));
  };
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setMessage('');
    try {
      const token = await logIn(endpoint, form.get('login'), form.get('password'));
      users.set(token, form.get('login'));
      change(token);
    } catch (cause) {
      setMessage(cause.message);
    }
    setBusy(false);
  };
  return (
    <>
      <header>
        <h2>Log in</h2>
      </header>
      {name ? (
        <>
          <div role="status">
            <p>
              <strong>{userOf(current[name])}</strong>
            </p>
            <p class="muted">Operations of this tab are sent with the header {name}.</p>
          </div>
          <button type="button" class="log-out" onClick={() => change('')}>
            Log out
          </button>
        </>
      ) : (
        <form class="stack" onSubmit={(event) => void submit(event)}>
          <p class="muted">Adds an access token to the headers of this tab.</p>
          <label for="login">Username or e-mail address</label>
          <input id="login" name="login" autocomplete="username" required />
          <label for="password">Password</label>
          <input id="password" name="password" type="password" autocomplete="current-password" required />
          <p role="alert" class={message === '' ? 'hidden' : 'notice bad'}>
            {message}
          </p>
          <button type="submit" class="main" disabled={busy}>
            {busy ? 'Logging in…' : 'Log in'}
          </button>
        </form>
      )}
    </>
  );
}

/** Who has logged in, by access token. */
const users = new Map();

/** Who the value of an Authorization header stands for, as far as the page can tell. */
function userOf(header) {
  const token = String(header).replace(/^bearer\s+/i, '');
  if (users.has(token)) return `Logged in as ${users.get(token)}`;
  try {
    const claims = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    const user = claims.preferred_username ?? claims.username ?? claims.email;
    if (user) return `Logged in as ${user}`;
    if (claims.sub) return `Logged in as subject ${claims.sub}`;
  } catch {
    // The token is not a JWT.
  }
  return 'Logged in with a token that names no user';
}

/** The access token of a new session. */
async function logIn(endpoint, login, password) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json, application/json;q=0.9' },
    body: JSON.stringify({ query: mutation, variables: { input: { login, password } } }),
  });
  const { data, errors } = await response.json();
  if (data?.logIn?.accessToken) return data.logIn.accessToken;
  throw new Error(data?.logIn?.message ?? errors?.[0]?.message ?? 'The gateway did not return an access token.');
}

function parse(headers) {
  try {
    const value = JSON.parse(headers);
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

/** Reports whether a graph has what the panel needs. */
export function hasLogin(schema) {
  const field = schema?.getMutationType?.()?.getFields().logIn;
  return field?.args.length === 1 && String(field.args[0].type) === 'LogInInput!' && schema.getType('Session')?.getFields?.().accessToken !== undefined;
}
