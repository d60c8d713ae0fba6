// The playground: GraphiQL with the store's example operations in tabs. What
// differs from gateway to gateway comes with the page, as JSON.
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { fetcher } from './fetcher.js';

const worker = (name) => new Worker(new URL(`./${name}.worker.js`, import.meta.url));

globalThis.MonacoEnvironment = {
  getWorker: (_, label) => worker(label === 'json' || label === 'graphql' ? label : 'editor'),
};

const { endpoint, examples } = JSON.parse(document.getElementById('configuration').textContent);

// GraphiQL opens its first tab with the variables it has stored, not with those
// of the tab: on a first visit, and after one on which nothing was edited, there
// are none.
const stored = (name) => localStorage.getItem(`graphiql:${name}`);
let initialVariables;
if (stored('tabState') === null) {
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

createRoot(document.getElementById('playground')).render(
  createElement(GraphiQL, {
    fetcher: fetcher(endpoint),
    defaultTabs: examples.length > 0 ? examples : undefined,
    initialVariables,
    defaultEditorToolsVisibility: true,
  }),
);

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
}
new MutationObserver(relabelTabs).observe(document.getElementById('playground'), {
  subtree: true, childList: true, attributes: true, attributeFilter: ['role', 'aria-selected'],
});

// With ?run in its address the page runs the first example by itself, as soon
// as the editor is there: for links that show something, and for pictures.
if (new URLSearchParams(location.search).has('run')) {
  const timer = setInterval(() => {
    const button = document.querySelector('button.graphiql-execute-button');
    if (!button || !document.querySelector('.graphiql-query-editor .view-line')) return;
    clearInterval(timer);
    setTimeout(() => button.click(), 500); // GraphiQL reads the editor a moment after it changes
  }, 100);
}
