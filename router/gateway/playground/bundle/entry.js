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

createRoot(document.getElementById('playground')).render(
  createElement(GraphiQL, {
    fetcher: fetcher(endpoint),
    defaultTabs: examples.length > 0 ? examples : undefined,
    defaultEditorToolsVisibility: true,
  }),
);

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
