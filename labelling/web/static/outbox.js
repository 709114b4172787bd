// Answers that are not yet known to be saved: sent one after the other, again and again with the same id, until the
// server has said that it stored them. They lie in memory and in localStorage, so that a reload loses none. Every entry
// has a key of its own, so two tabs never overwrite each other's; it begins with the set's token, which is the same in
// every page of this observer and nobody else's.

import { Refused, backoff, call, say } from "./common.js";
import { forget } from "./drafts.js";
import { tn } from "./texts.js";

const prefix = (set) => `loupe-unsent:${set}:`;

function stored(sets) {
  const entries = [];
  const prefixes = sets.map(prefix);
  try {
    for (let i = 0; i < localStorage.length; i += 1) {
      const key = localStorage.key(i);
      if (!prefixes.some((start) => key.startsWith(start))) continue;
      try {
        const { path, body, draft } = JSON.parse(localStorage.getItem(key));
        if (typeof path === "string" && path.startsWith("/api/")) entries.push({ key, path, body, draft });
      } catch {
        // Not ours, or cut off: nothing in it can be sent.
      }
    }
  } catch {
    return []; // no localStorage in this browser
  }
  return entries.sort((a, b) => (a.key < b.key ? -1 : 1)); // as old as the time in the key says
}

export class Outbox {
  // Of `sets`; new answers belong to the first. `onstate` is told the state that comes with each saved answer,
  // `onchange` that the number of waiting ones changed.
  constructor(sets, { onstate = () => {}, onchange = () => {} } = {}) {
    this.sets = sets;
    this.onstate = onstate;
    this.onchange = onchange;
    this.entries = stored(sets);
    this.refused = []; // { entry, reason }: kept aside, and in localStorage, until they are discarded
    this.sending = false;
    this.waiters = [];
    this.kept = true;
    this.count = 0;
    window.addEventListener("beforeunload", (event) => {
      if (this.entries.length && !this.kept) event.preventDefault();
    });
    this.send();
  }

  get size() {
    return this.entries.length;
  }

  // Seconds of work in the answers that wait, for the time shown.
  get seconds() {
    return this.entries.reduce((sum, entry) => sum + (entry.body.seconds || 0), 0);
  }

  showings() {
    return this.entries.map((entry) => entry.body.showing);
  }

  // `draft`: the key of what was kept while the answer was being made, which goes when it is saved.
  add(path, body, draft) {
    this.count += 1;
    const order = `${Date.now()}-${String(this.count).padStart(6, "0")}`;
    const key = `${prefix(this.sets[0])}${order}-${body.id || body.showing}`;
    const entry = { key, path, body, draft };
    this.entries.push(entry);
    try {
      localStorage.setItem(key, JSON.stringify({ path, body, draft }));
    } catch {
      this.kept = false; // full or forbidden: the answer is in memory alone, and leaving the page asks first
    }
    this.onchange();
    this.send();
  }

  // Resolves when nothing waits any more.
  drained() {
    if (!this.entries.length) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  async send() {
    if (this.sending) return;
    this.sending = true;
    for (let attempt = 0; this.entries.length;) {
      const entry = this.entries[0];
      try {
        const answer = await call(entry.path, entry.body);
        this.remove(entry);
        if (entry.draft) forget(entry.draft);
        say("saving", "");
        this.onstate(answer.state);
        attempt = 0;
      } catch (error) {
        if (error instanceof Refused) {
          this.entries.shift();
          this.refused.push({ entry, reason: error.message });
          say("saving", "");
          this.tellRefused();
        } else {
          this.complain(error.message);
          await backoff(attempt);
          attempt += 1;
        }
      }
      this.onchange();
    }
    this.sending = false;
    this.waiters.splice(0).forEach((resolve) => resolve());
  }

  complain(reason) {
    say("saving", tn(this.kept ? "unsaved" : "unsaved_open", this.size, { reason }));
  }

  tellRefused() {
    const count = this.refused.length;
    if (!count) return void say("refused", "");
    const { reason } = this.refused[count - 1];
    say("refused", tn("rejected", count, { reason: reason.replace(/\.$/, "") }), {
      label: tn("discard", count),
      act: () => {
        for (const { entry } of this.refused.splice(0)) this.forget(entry);
        this.tellRefused();
      },
    });
  }

  remove(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.forget(entry);
  }

  forget(entry) {
    try {
      localStorage.removeItem(entry.key);
    } catch {
      // It was never there.
    }
  }
}
