// What the pages do beyond HTML. Every page works without it; nothing here decides anything.
(() => {
  'use strict';

  const lang = document.documentElement.lang;
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: 'auto', style: 'short' });
  const local = new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'medium' });

  // Instants: how long ago, and in the reader's time zone when pointed at.
  const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
  function tellTime(root) {
    for (const time of root.querySelectorAll('time[data-ago]')) {
      const at = new Date(time.dateTime);
      const seconds = (at - Date.now()) / 1000;
      const [unit, size] = units.find(([, s]) => Math.abs(seconds) >= s) ?? units[3];
      time.title = local.format(at);
      const text = relative.format(Math.round(seconds / size), unit);
      if (time.textContent !== text) time.textContent = text;
    }
  }

  function enhance(root) {
    tellTime(root);
    for (const button of root.querySelectorAll('[data-copy][hidden]')) button.hidden = false;
    for (const element of root.querySelectorAll('.no-script')) element.hidden = true;
  }

  // Live fragments: each takes the place of the element with its id; a list is sent in a template.
  const pill = document.getElementById('live');
  let lastHeard = Date.now();

  function say(state) {
    if (!pill) return;
    pill.dataset.state = state;
    const stale = state === 'stale';
    document.body.classList.toggle('stale', stale);
    const since = stale ? ' ' + new Intl.DateTimeFormat(lang, { timeStyle: 'medium' }).format(lastHeard) : '';
    const text = pill.querySelector('.pill-text');
    if (text.textContent !== pill.dataset[state] + since) text.textContent = pill.dataset[state] + since;
  }

  const morph = {
    callbacks: {
      // What the reader is doing is the reader's: open details, typed text, the time as it was just told.
      beforeAttributeUpdated: (name, node) => !(name === 'open' && node.nodeName === 'DETAILS') && !(name === 'hidden' && node.dataset?.copy),
      beforeNodeMorphed: (from, to) => !(from === document.activeElement && from.nodeName === 'INPUT') && !(from.nodeName === 'TIME' && from.dateTime === to.dateTime),
    },
  };

  function receive(html) {
    const parsed = document.createElement('template');
    parsed.innerHTML = html;
    for (const part of [...parsed.content.children]) {
      if (part.nodeName === 'TEMPLATE') {
        if ('reload' in part.dataset) { location.reload(); return; }
        const list = document.getElementById(part.dataset.list);
        if (list) {
          const next = list.cloneNode(false);
          next.append(part.content);
          Idiomorph.morph(list, next, morph);
          enhance(list);
        }
        continue;
      }
      const old = document.getElementById(part.id);
      if (old) {
        Idiomorph.morph(old, part, morph);
        enhance(document.getElementById(part.id));
      }
    }
  }

  if (pill) {
    pill.hidden = false;
    document.addEventListener('htmx:sseOpen', () => { lastHeard = Date.now(); say('live'); });
    document.addEventListener('htmx:sseError', () => say('reconnecting'));
    document.addEventListener('htmx:sseBeforeMessage', event => {
      event.preventDefault();
      lastHeard = Date.now();
      say('live');
      receive(event.detail.data);
      document.dispatchEvent(new CustomEvent('dumont:live'));
    });
    setInterval(() => { if (Date.now() - lastHeard > 30000) say('stale'); }, 2000);
  }

  // Toasts: something that a fragment request could not do.
  function toast(text, tone) {
    const box = document.createElement('div');
    box.className = 'toast ' + tone;
    const line = document.createElement('p');
    line.textContent = text;
    box.append(line);
    document.getElementById('toasts').append(box);
    setTimeout(() => box.remove(), 8000);
  }

  document.addEventListener('htmx:responseError', event => {
    const id = event.detail.xhr.getResponseHeader('X-Request-Id');
    toast(document.getElementById('toasts').dataset.failed + (id ? ' (' + id + ')' : ''), 'bad');
  });
  document.addEventListener('htmx:sendError', () => toast(document.getElementById('toasts').dataset.failed, 'bad'));
  document.addEventListener('htmx:afterSwap', event => enhance(event.detail.target.parentNode ?? document));

  document.addEventListener('click', async event => {
    const copy = event.target.closest('[data-copy]');
    if (copy) {
      await navigator.clipboard.writeText(document.getElementById(copy.dataset.copy).textContent);
      toast(document.getElementById('toasts').dataset.copied, 'good');
    }
  });

  // A form is sent once, however often its button is pressed.
  document.addEventListener('submit', event => {
    const form = event.target;
    if (form.method === 'post') {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = 'yes';
    }
  });
  addEventListener('pageshow', () => { for (const form of document.forms) delete form.dataset.sent; });

  enhance(document);
  setInterval(() => tellTime(document), 5000);
})();
