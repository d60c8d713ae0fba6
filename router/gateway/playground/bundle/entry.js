// The playground: GraphiQL with the store's example operations in tabs. What
// differs from gateway to gateway comes with the page, as JSON.
import { createElement, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { fetcher } from './fetcher.js';
import { panels } from './panels.js';
import { hasLogin } from './panels/login.jsx';

const worker = (name) => new Worker(new URL(`./${name}.worker.js`, import.meta.url));

globalThis.MonacoEnvironment = {
  getWorker: (_, label) => worker(label === 'json' || label === 'graphql' ? label : 'editor'),
};

// GraphiQL's themes for the editors, with the colours replaced that are too pale
// on its backgrounds (WCAG 2.2, 1.4.3).
const rules = {
  'graphiql-LIGHT': { comment: '006b00', 'argument.identifier.gql': '5450b8', 'type.identifier.gql': '006e6e', number: '086346' },
  'graphiql-DARK': { comment: '8fbf7a', keyword: '7ab4e8', 'argument.identifier.gql': 'a8a3ff' },
};
const { editor } = await import('monaco-graphql/esm/monaco-editor.js'); // before GraphiQL defines them
const { defineTheme } = editor;
editor.defineTheme = (name, theme) => {
  const readable = Object.entries(rules[name] ?? {}).map(([token, foreground]) => ({ token, foreground }));
  defineTheme(name, { ...theme, rules: [...theme.rules, ...readable] });
};

const { endpoint, examples, console: consoleURL } = JSON.parse(document.getElementById('configuration').textContent);

// A link to the playground may bring an operation, in the fragment of its address: it opens
// in a tab of its own.
const brought = new URLSearchParams(location.hash.slice(1));
const initialQuery = brought.get('query') ?? undefined;
if (initialQuery) history.replaceState(null, '', location.pathname + location.search);

// GraphiQL opens its first tab with the variables it has stored, not with those
// of the tab: on a first visit, and after one on which nothing was edited, there
// are none.
const stored = (name) => localStorage.getItem(`graphiql:${name}`);
let initialVariables;
if (initialQuery) {
  initialVariables = brought.get('variables') ?? undefined;
  examples.unshift({ query: initialQuery, variables: initialVariables });
} else if (stored('tabState') === null) {
  initialVariables = examples[0]?.variables;
} else if (stored('variables') === null) {
  try {
    const { tabs, activeTabIndex } = JSON.parse(stored('tabState'));
    const { query, variables } = tabs[activeTabIndex];
    localStorage.setItem('graphiql:query', query ?? '');
    localStorage.setItem('graphiql:variables', variables ?? '');
  } catch {
    // GraphiQL starts anew with what it cannot read, too.
  }
}

// On a small screen the response is below the editors: it comes into view when
// an operation is run.
let asked = false;
const shown = (fetch) => (params, options) => {
  if (params.operationName !== 'IntrospectionQuery') {
    asked = true;
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    document.querySelector('.graphiql-response')?.scrollIntoView({ block: 'nearest', behavior: still ? 'auto' : 'smooth' });
  }
  return fetch(params, options);
};

// The trace IDs of what was run.
const runs = {
  last: undefined,
  listeners: new Set(),
  add(id) {
    runs.last = id;
    for (const listener of runs.listeners) listener(id);
  },
  subscribe(listener) {
    runs.listeners.add(listener);
    return () => runs.listeners.delete(listener);
  },
};

const send = shown(fetcher(endpoint, runs.add));

function Playground() {
  const [login, setLogin] = useState(false);
  return createElement(GraphiQL, {
    fetcher: send,
    defaultTabs: examples.length > 0 ? examples : undefined,
    initialQuery,
    initialVariables,
    defaultEditorToolsVisibility: true,
    plugins: [HISTORY_PLUGIN, ...panels({ endpoint, console: consoleURL, runs, login })],
    onSchemaChange: (schema) => setLogin(hasLogin(schema)),
    children: consoleURL && createElement(GraphiQL.Logo, null, createElement('a', { className: 'graphiql-logo-link console-link', href: consoleURL, target: '_blank', rel: 'noopener' }, 'Console')),
  });
}

createRoot(document.getElementById('playground')).render(createElement(Playground));

// GraphiQL's tabs are buttons, one to show a tab and one to close it, inside
// elements of role tab, which may hold nothing that can be pressed. They are a
// list of buttons: the one of the tab that is shown is the current one.
function relabelTabs() {
  for (const tab of document.querySelectorAll('.graphiql-tab[role], .graphiql-tab[aria-selected]')) {
    const selected = tab.getAttribute('aria-selected');
    tab.removeAttribute('role');
    tab.removeAttribute('aria-selected');
    tab.querySelector('.graphiql-tab-button')?.setAttribute('aria-current', selected);
  }
  document.querySelector('.graphiql-tabs[role]')?.removeAttribute('role');
  document.querySelector('#graphiql-session[role=tabpanel]')?.setAttribute('role', 'region');
  // The name of an entry of the history has to have its text in it.
  for (const entry of document.querySelectorAll('.graphiql-history-item-label[aria-label]')) {
    entry.removeAttribute('aria-label');
  }
}
new MutationObserver(relabelTabs).observe(document.getElementById('playground'), {
  subtree: true, childList: true, attributes: true, attributeFilter: ['role', 'aria-selected', 'aria-label'],
});

// With ?run in its address the page runs the first example by itself: for links
// that show something, and for pictures. GraphiQL reads the editor a moment after
// it changes, so a click may come too early.
if (new URLSearchParams(location.search).has('run')) {
  const timer = setInterval(() => {
    if (asked) {
      clearInterval(timer);
    } else if (document.querySelector('.graphiql-query-editor .view-line')) {
      document.querySelector('button.graphiql-execute-button')?.click();
    }
  }, 500);
}
