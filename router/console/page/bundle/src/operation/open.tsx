import { useState } from 'preact/hooks';
import { route } from '../hooks';

/** Opens a trace by its ID, as the response header Souk-Trace-Id or a traceparent has it. */
export function OpenTrace() {
  const [value, setValue] = useState('');
  const [wrong, setWrong] = useState(false);
  const submit = (event: Event) => {
    event.preventDefault();
    const id = /(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/.exec(value.toLowerCase())?.[0];
    setWrong(id === undefined);
    if (id) location.hash = route('operation', 'trace', id);
  };
  return (
    <form class="row open-trace" onSubmit={submit}>
      <label for="trace-id">Trace ID</label>
      <input id="trace-id" type="text" size={34} autocomplete="off" spellcheck={false} required placeholder="of the header Souk-Trace-Id" value={value} aria-describedby="trace-id-message" aria-invalid={wrong} onInput={(event) => { setValue(event.currentTarget.value); setWrong(false); }} />
      <button type="submit">Open</button>
      <span id="trace-id-message" role="alert" class={wrong ? 'bad-text' : 'hidden'}>
        {wrong && 'A trace ID has 32 hexadecimal digits.'}
      </span>
    </form>
  );
}
