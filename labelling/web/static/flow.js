// One showing on screen, the next one loaded, answers on their way: what comparing, rating and reviewing share.

import { Refused, backoff, byId, call, capital, enable, insist, notify, say, withCommands } from "./common.js";
import { Outbox } from "./outbox.js";
import { t } from "./texts.js";

const POLL_MS = 3000;
const LEAST_LOOK = 0.25; // seconds; a second click of a double click is no answer about the next showing
const SKIP_MOST = 50; // as many as the server takes

// Time spent looking, without the time in which the page was hidden.
class Stopwatch {
  constructor() {
    this.start();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.go()));
  }

  start() {
    this.sum = 0;
    this.since = document.hidden ? null : performance.now();
  }

  stop() {
    this.sum = this.seconds * 1000;
    this.since = null;
  }

  go() {
    this.since = this.since ?? performance.now();
  }

  get seconds() {
    return (this.sum + (this.since === null ? 0 : performance.now() - this.since)) / 1000;
  }
}

export class Flow {
  // `next`: where to ask for the next showing. `load(showing)` resolves when its pictures are there; `show(showing,
  // undone)` puts it on screen and resolves when it is seen whole; `enabled(on)` opens and closes the answers; `unit`
  // is what a showing is called, such as "pair". `begun()` tells whether there is a step of an unfinished answer that
  // undo takes back before anything else.
  constructor({ next, load, show, hide, enabled, unit, begun = () => false }) {
    Object.assign(this, { next, load, show, hide, enabled, unit, begun });
    this.set = byId("work").dataset.set;
    this.watch = new Stopwatch();
    this.current = null;
    this.following = null; // promise of the next loaded showing
    this.state = null;
    this.busy = true;
    this.stopped = false;
    this.changes = 0; // answers and undos that the server told; an older state must not replace a newer one
    this.ending = 0;
    this.turn = 0;
    this.undone = false; // what is shown next was answered before
    this.outbox = new Outbox([this.set], {
      onstate: (state) => this.changed(state),
      onchange: () => this.header(),
    });
    setInterval(() => this.header(), 5000);
  }

  async start() {
    // Answers that wait from before a reload go first, so that their pairs are not asked again meanwhile.
    await this.outbox.drained();
    await this.advance();
  }

  // Takes an answer about what is on screen, and moves on while it is being saved.
  // `draft` as in Outbox.add; `stay(state)`: the state when it is saved, and then moves on when that resolves.
  // False where it is not taken.
  answer(path, body, draft, stay) {
    if (!this.current || this.busy || this.stopped || this.watch.seconds < LEAST_LOOK) return false;
    this.outbox.add(path, { ...body, showing: this.current.id }, draft);
    if (stay) this.linger(stay);
    else this.advance();
    return true;
  }

  async linger(stay) {
    this.busy = true;
    this.header();
    await this.outbox.drained();
    await stay(this.state);
    await this.advance();
  }

  get seconds() {
    return Math.round(this.watch.seconds * 1000) / 1000;
  }

  changed(state) {
    this.changes += 1;
    if (state) this.state = state;
    if (state && state.notice) notify(state.notice);
    this.header();
  }

  header() {
    const able = !this.busy && !this.stopped;
    this.enabled(able && this.current !== null);
    const before = Boolean(this.outbox.size || (this.state && this.state.undo));
    enable(byId("undo"), able && (before || (this.current !== null && this.begun())));
    if (!this.state) return;
    const { done, left, spent } = this.state; // saved ones only
    const text = t("done_of", { done, all: done + left });
    if (byId("progress").textContent !== text) byId("progress").textContent = text;
    byId("bar").max = Math.max(1, done + left);
    byId("bar").value = done;
    const minutes = Math.floor((spent + this.outbox.seconds + (this.current ? this.watch.seconds : 0)) / 60);
    const hours = Math.floor(minutes / 60);
    byId("spent").textContent =
      minutes < 1
        ? t("under_a_minute")
        : t(hours ? "hours" : "minutes", { hours, minutes: hours ? minutes % 60 : minutes });
  }

  // The next showing with its pictures loaded, or null when nothing is left. Null too once `turn` is over.
  async prepare(skip, turn) {
    const seen = this.changes;
    const { showing, state } = await insist(this.next, { set: this.set, skip: skip.slice(-SKIP_MOST) }, (why) =>
      say("loading", t(`load_failed_${this.unit}`, { reason: why })),
    );
    say("loading", "");
    if (!this.outbox.size && seen === this.changes) this.state = state;
    if (showing && turn === this.turn) await this.load(showing);
    return showing;
  }

  async advance() {
    this.busy = true;
    this.current = null;
    this.ending += 1;
    this.header();
    try {
      const skip = this.outbox.showings();
      let showing = await (this.following || this.prepare(skip, this.turn));
      this.following = null;
      if (!showing) {
        // Perhaps a skipped one, or one that came due with the answers on their way.
        await this.outbox.drained();
        showing = await this.prepare([], this.turn);
      }
      if (showing) await this.display(showing);
      else await this.finish();
    } catch (error) {
      this.stop(error);
    }
  }

  async display(showing) {
    document.body.classList.remove("ended");
    byId("end").hidden = true;
    await this.show(showing, this.undone);
    this.undone = false;
    this.watch.start();
    this.current = showing;
    this.busy = false;
    this.header();
    this.following = this.prepare([showing.id, ...this.outbox.showings()], this.turn);
    this.following.catch(() => {}); // told when it is waited for
  }

  stop(error) {
    this.stopped = true;
    this.following = null;
    const what = error instanceof Refused ? error.message : t("page_failed", { reason: error.message });
    say("session", t("reload_to_go_on", { reason: `${capital(what)}${/[.!?]$/.test(what) ? "" : "."}` }), {
      label: t("reload"),
      act: () => location.reload(),
    });
    this.header();
    if (!(error instanceof Refused)) throw error;
  }

  async undo() {
    if (this.busy || this.stopped || byId("undo").getAttribute("aria-disabled") === "true") return;
    this.busy = true;
    this.ending += 1;
    this.header();
    await this.outbox.drained();
    try {
      if (this.state && this.state.undo) this.changed(await this.takeBack());
      say("undo", "");
      this.turn += 1;
      this.undone = true;
      this.following = null;
      await this.advance();
    } catch (error) {
      say("undo", "");
      this.stop(error);
    }
  }

  // Undo has no id, so a repeated request could take back two answers: look first whether the lost one arrived.
  async takeBack() {
    const before = this.state.done;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return (await call("/api/undo", { set: this.set })).state;
      } catch (error) {
        if (error instanceof Refused) throw error;
        say("undo", t("undo_failed", { reason: error.message }));
        await backoff(attempt);
        const { state } = await insist("/api/state", { set: this.set }, () => {});
        if (state.done < before) return state;
      }
    }
  }

  async finish() {
    const mine = this.ending;
    this.hide();
    document.body.classList.add("ended");
    byId("end").hidden = false;
    for (;;) {
      this.busy = false;
      this.tell();
      this.header();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (this.stopped || mine !== this.ending) return;
      if (document.hidden) continue;
      const seen = this.changes;
      const answer = await call("/api/state", { set: this.set }).catch((error) => error);
      if (mine !== this.ending) return;
      if (answer instanceof Refused) throw answer;
      if (answer instanceof Error || seen !== this.changes) continue;
      this.state = answer.state;
      // Something to do again: another observer took an answer back.
      if (this.state.left > 0) return void this.advance();
    }
  }

  tell() {
    const { complete, message, left } = this.state || {};
    const rest = t(left ? "with_others" : "nothing_left");
    const text = byId("onward") ? t("pairs_done") : complete && message ? message : rest;
    if (this.told === text) return;
    this.told = text;
    byId("message").replaceChildren(...withCommands(text));
  }
}
