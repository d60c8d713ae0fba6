// Adds new messages to the page without reloading it. The scroll position, the
// focus and selections stay, and screen readers announce the number of new
// messages. The server answers /?after=VERSION when there is a change.
'use strict';
const list = document.getElementById('messages');
const status = document.getElementById('status');

function update(page) {
  const next = page.getElementById('messages');
  const wanted = [...next.children];
  const known = new Map([...list.children].filter((e) => e.id).map((e) => [e.id, e]));
  const ids = new Set(wanted.map((e) => e.id));
  // Keep the message at the top of the window in place: the user reads it.
  const anchor = scrollY > 0 && [...list.children].find((e) => ids.has(e.id) && e.getBoundingClientRect().bottom > 0);
  const before = anchor ? anchor.getBoundingClientRect().top : 0;
  let added = 0;
  for (const old of [...list.children]) if (!ids.has(old.id) || !old.id) old.remove();
  let at = list.firstElementChild;
  for (const element of wanted) {
    const old = known.get(element.id);
    if (!old) {
      list.insertBefore(element, at);
      if (element.id) added += 1;
      continue;
    }
    if (old.outerHTML !== element.outerHTML) old.replaceChildren(...element.childNodes);
    if (old !== at) list.insertBefore(old, at);
    at = old.nextElementSibling;
  }
  if (anchor) scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: 'instant' });
  list.dataset.version = next.dataset.version;
  document.title = page.title;
  if (added) status.textContent = added === 1 ? 'One new message.' : `${added} new messages.`;
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

(async () => {
  for (;;) {
    try {
      const response = await fetch(`/?after=${list.dataset.version}`, { cache: 'no-store' });
      if (!response.ok) throw new Error(`status ${response.status}`);
      if (status.dataset.lost) {
        status.textContent = '';
        delete status.dataset.lost;
      }
      update(new DOMParser().parseFromString(await response.text(), 'text/html'));
    } catch {
      if (!status.dataset.lost) status.textContent = 'The inbox is unreachable. This page continues when it is back.';
      status.dataset.lost = 'yes';
      await pause(3000);
    }
  }
})();
