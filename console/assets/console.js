// Pages work without this; it adds local times, changes as they happen, and selections.
(() => {
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

  function localTimes(root) {
    for (const element of root.querySelectorAll('time[datetime]')) {
      const at = new Date(element.dateTime);
      if (!Number.isNaN(at.getTime())) element.textContent = zone.format(at);
    }
  }

  function selections(root) {
    for (const all of root.querySelectorAll('input[data-selects]')) {
      all.addEventListener('change', () => {
        for (const one of document.getElementsByName(all.dataset.selects)) one.checked = all.checked;
      });
    }
  }

  const stateOf = (place) => place.querySelector('[data-state]')?.dataset.state;
  const first = new Map();
  for (const place of document.querySelectorAll('[data-topic]'))
    first.set(place.dataset.topic, stateOf(place));

  function show({ topic, html }) {
    const place = document.querySelector(`[data-topic="${CSS.escape(topic)}"]`);
    // What somebody is typing in, or has the keyboard in, is not taken away.
    if (place === null || place.contains(document.activeElement)) return;
    place.innerHTML = html;
    localTimes(place);
    // What can be done, and what else there is to see, goes with the state.
    const movedOn = document.getElementById('moved-on');
    if (movedOn !== null && stateOf(place) !== first.get(topic)) movedOn.hidden = false;
  }

  localTimes(document);
  selections(document);

  const topics = document.body.dataset.live;
  if (topics !== undefined) {
    const query = new URLSearchParams(topics.split(' ').map((topic) => ['topic', topic]));
    const stream = new EventSource(`/console/live?${query}`);
    stream.addEventListener('change', (event) => show(JSON.parse(event.data)));
    stream.addEventListener('open', () => document.body.classList.add('is-live'));
    stream.addEventListener('error', () => document.body.classList.remove('is-live'));
    addEventListener('pagehide', () => stream.close());
  }
})();
