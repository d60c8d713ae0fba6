// The operation as a program.
import { useState } from 'preact/hooks';
import { snippets } from './snippets.js';

export function CodePanel({ endpoint, query, variables, headers, operationName }) {
  const [language, setLanguage] = useState('curl');
  const [copied, setCopied] = useState(false);
  const request = { url: new URL(endpoint, location.href).href, query, variables: object(variables), headers: object(headers), operationName };
  const text = snippets[language].write(request);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <>
      <header class="row between">
        <h2>Code</h2>
        <div class="segments" role="group" aria-label="Language">
          {Object.entries(snippets).map(([key, { label }]) => (
            <button key={key} type="button" aria-pressed={key === language} onClick={() => setLanguage(key)}>
              {label}
            </button>
          ))}
        </div>
      </header>
      {query.trim() === '' ? (
        <p class="muted">Type an operation to see it as a program.</p>
      ) : (
        <div class="code">
          <pre tabIndex={0} role="region" aria-label={`The operation with ${snippets[language].label}`}>
            <code>{text}</code>
          </pre>
          {navigator.clipboard && (
            <button type="button" class="copy" onClick={() => void copy()}>
              {copied ? 'Copied' : 'Copy'}
            </button>
          )}
        </div>
      )}
    </>
  );
}

/** The object that a text has as JSON; an empty one if it has none. */
function object(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
