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
