import { parse, print } from 'graphql';
import { useMemo, useState } from 'preact/hooks';

/** The text of a document, laid out for reading. Text that is not GraphQL stays as it is. */
export function pretty(document: string): string {
  try {
    return print(parse(document, { noLocation: true }));
  } catch {
    return document;
  }
}

/** The tokens with a color. The last alternative takes the rest of the names, as a whole and without one. */
const token = /(#[^\n]*)|("""[\s\S]*?"""|"(?:\\.|[^"\\\n])*")|(\$\w+)|(@\w+)|\b(query|mutation|subscription|fragment|on|true|false|null)\b(?!\s*:)|(-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\b|\b(\w+)(?=\s*:)|\b([A-Z]\w*)|\w+/g;
const classes = ['comment', 'string', 'variable', 'directive', 'keyword', 'number', 'argument', 'type'];

/** GraphQL with its tokens marked. */
export function Code({ text, label }: { text: string; label: string }) {
  const laidOut = useMemo(() => pretty(text), [text]);
  const parts = useMemo(() => {
    const out = [];
    let end = 0;
    for (const match of laidOut.matchAll(token)) {
      if (match.index > end) out.push(laidOut.slice(end, match.index));
      const group = match.slice(1).findIndex((each) => each !== undefined);
      out.push(group < 0 ? match[0] : <span class={`t-${classes[group]}`}>{match[0]}</span>);
      end = match.index + match[0].length;
    }
    out.push(laidOut.slice(end));
    return out;
  }, [laidOut]);
  return (
    <div class="code">
      <pre tabIndex={0} role="region" aria-label={label}>
        <code>{parts}</code>
      </pre>
      <Copy text={laidOut} what={label} />
    </div>
  );
}

function Copy({ text, what }: { text: string; what: string }) {
  const [copied, setCopied] = useState(false);
  if (!navigator.clipboard) return null; // only in secure contexts, such as localhost
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <button type="button" class="copy" onClick={() => void copy()} aria-label={`Copy ${what}`}>
      {copied ? 'Copied' : 'Copy'}
    </button>
  );
}
