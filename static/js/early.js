/*
 * Nothing done before the page has started is lost. Loaded first and at once, as a plain script: it holds
 * clicks, keys and changed fields until all modules have run (DOMContentLoaded), and then does them in order.
 */
(() => {
  const NATIVE = "a[href], input, select, textarea, label, summary, option";
  const TYPED = "input, select, textarea, [contenteditable]";
  const held = [];

  /* Links and fields work by themselves; a button waits for what it calls. */
  function holdClick(event) {
    if (event.target.closest(NATIVE)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    held.push([event, {}]);
  }

  /* A field keeps its value, though a starting page may write the old one into it. */
  function holdField(event) {
    const { value, checked } = event.target;
    held.push([event, event.target.type === "file" ? {} : { value, checked }]);
  }

  function holdKey(event) {
    const isPress = (event.key === "Enter" || event.key === " ") && event.target.closest("a, button, summary");
    if (isPress || event.key === "Tab" || event.target.closest(TYPED)) return;
    held.push([event, {}]);
  }

  const HOLDERS = { click: holdClick, input: holdField, change: holdField, keydown: holdKey };
  for (const [type, hold] of Object.entries(HOLDERS)) addEventListener(type, hold, { capture: true });

  addEventListener("DOMContentLoaded", () => {
    for (const [type, hold] of Object.entries(HOLDERS)) removeEventListener(type, hold, { capture: true });
    for (const [event, state] of held) {
      const { target } = event;
      if (!target.isConnected) continue;
      Object.assign(target, state);
      target.dispatchEvent(new event.constructor(event.type, event));
    }
  });
})();
