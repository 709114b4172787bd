// What rating and reviewing share: one picture with its sources, scores, circles and a note.

import { byId, enable, enabled, notify, onClick, onKey, setUpHelp } from "./common.js";
import { Circles } from "./circles.js";
import { Drafts } from "./drafts.js";
import { Form } from "./form.js";
import { t } from "./texts.js";
import { Tiles, tileUrl } from "./tiles.js";
import { setUpToolbar, sourceItems } from "./toolbar.js";
import { Viewer } from "./viewer.js";

const MOST_STEPS = 50; // that are kept with a draft

const items = (showing) => ({
  main: [{ label: t("picture_to_judge"), picture: showing.picture }],
  sources: sourceItems(showing.sources),
});

// Two showings of one picture have different names; the coarsest tile tells whether they are the same.
async function samePicture(a, b) {
  if (a.width !== b.width || a.height !== b.height) return false;
  const [one, other] = await Promise.all(
    [a, b].map(async (picture) => {
      const response = await fetch(tileUrl(picture, picture.levels - 1, 0, 0));
      return new Uint8Array(await response.arrayBuffer());
    }),
  );
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

export class Judging {
  // `onchange`: scores, circles or the note were changed by the person.
  constructor(onchange) {
    this.onchange = onchange;
    this.showing = null;
    this.start = null; // the answer that the person began from, as JSON
    this.now = null; // as it is, as JSON
    this.steps = []; // what it was before each step, the oldest first
    this.noting = false; // the newest step is typing the note
    this.given = []; // { picture, answer }: what was sent, to be there again after an undo
    this.drafts = new Drafts(byId("work").dataset.set);
    this.tiles = new Tiles();
    this.viewer = new Viewer(byId("stage"), this.tiles, { flipAll: true });
    this.form = new Form((what) => this.changed(what));
    this.circles = new Circles(
      this.viewer,
      () => this.changed(),
      (dragging) => {
        this.dragging = dragging;
        if (!dragging) this.changed();
      },
    );
    this.viewer.overlay = (context) => this.circles.draw(context);
    this.toolbarKey = setUpToolbar(this.viewer, "p");
    this.openHelp = setUpHelp();
    window.addEventListener("beforeunload", (event) => {
      if (this.steps.length && !this.drafts.kept) event.preventDefault();
    });
  }

  load(showing) {
    const urls = this.viewer.firstTiles(items(showing));
    this.tiles.want("ahead", urls);
    return this.tiles.ready(urls);
  }

  async show(showing, given = {}) {
    this.showing = showing;
    this.put(given);
    this.begin();
    await this.viewer.show(items(showing));
  }

  // What is there now is what the person begins from.
  begin() {
    this.start = this.now = JSON.stringify(this.answer);
    this.steps = [];
    this.noting = false;
  }

  put({ scores = {}, circles = [], note = "" }) {
    this.form.reset(scores, note);
    this.circles.reset(circles);
    this.viewer.redraw();
  }

  // A step of the person: it can be taken back, and survives the page. A drag is one step, and so is typing.
  changed(what) {
    this.onchange();
    if (this.dragging || !this.showing) return;
    const now = JSON.stringify(this.answer);
    if (now === this.now) return;
    if (!(what === "note" && this.noting)) this.steps.push(this.now);
    this.noting = what === "note";
    this.now = now;
    this.keep();
  }

  keep() {
    const { answer, steps } = this;
    this.drafts.write(this.showing, this.now === this.start ? null : { answer, steps: steps.slice(-MOST_STEPS) });
    this.onstep();
  }

  stepBack() {
    this.now = this.steps.pop();
    this.noting = false;
    this.put(JSON.parse(this.now));
    this.keep();
    this.onchange();
    if (this.form.next) this.form.focus();
  }

  // Puts back what the person had begun for this picture, or, after an undo, given.
  async bringBack(showing, undone) {
    const last = undone ? this.given.pop() : null;
    const same = last && (await samePicture(last.picture, showing.picture).catch(() => false));
    const draft = this.drafts.read(showing);
    if (!same && !draft) return;
    this.put(same ? last.answer : draft.answer);
    this.now = JSON.stringify(this.answer);
    this.steps = !same && Array.isArray(draft.steps) ? draft.steps : [];
    if (!this.steps.length && this.now !== this.start) this.steps = [this.start];
    if (!same) notify(t("draft_back"));
    this.keep();
  }

  // Sends an answer; what was begun is kept until it is saved.
  send(flow, path, body) {
    const { showing, answer } = this;
    if (!flow.answer(path, body, this.drafts.key(showing))) return;
    this.given.push({ picture: showing.picture, answer });
  }

  hide() {
    this.showing = null;
    this.steps = [];
    this.put({});
    this.viewer.clear();
  }

  enable(on) {
    this.form.enable(on);
    this.circles.enable(on);
    enable(byId("skip"), on);
  }

  get answer() {
    return {
      scores: this.form.scores,
      circles: this.circles.list.map((circle) => ({ ...circle })),
      note: this.form.note.value,
    };
  }

  // What was begun stays in the browser, and is there again when the picture comes again.
  skip(flow) {
    if (!enabled(byId("skip"))) return;
    if (flow.answer("/api/skip", {}) && this.steps.length)
      notify(t("draft_kept"));
  }

  undo(flow) {
    if (!enabled(byId("undo"))) return;
    if (this.form.open && this.steps.length) this.stepBack();
    else flow.undo();
  }

  // Wires the keys; `own` is { key: act } of the page, `submit` what Ctrl+Enter does.
  listen(flow, submit, own = {}) {
    this.onstep = () => flow.header();
    onClick(byId("undo"), () => this.undo(flow));
    onClick(byId("skip"), () => this.skip(flow));
    onKey((key, event) => {
      if (event.ctrlKey && key === "Enter") submit();
      else if (event.ctrlKey || key === "Enter" || event.target.closest("textarea")) return false;
      else if (!event.repeat && this.form.digit(key)) return true;
      else if (this.toolbarKey(key, event)) return true;
      else if (key === "?") this.openHelp();
      else if (event.repeat || event.shiftKey) return false;
      else if (key === "z") this.undo(flow);
      else if (key === "s") this.skip(flow);
      else if (key === "n") this.circles.addInMiddle();
      else if (key === "c") this.circles.setMode(!this.circles.mode);
      else if (own[key]) own[key]();
      else return false;
      return true;
    });
  }
}
