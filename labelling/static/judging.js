// What rating and reviewing share: one picture with its sources, scores, circles and a note.

import { byId, enable, enabled, onClick, onKey, setUpHelp } from "./common.js";
import { Circles } from "./circles.js";
import { Form } from "./form.js";
import { Tiles, tileUrl } from "./tiles.js";
import { setUpToolbar, sourceItems } from "./toolbar.js";
import { Viewer } from "./viewer.js";

const items = (showing) => ({
  main: [{ label: "Picture to judge", picture: showing.picture }],
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
    this.dirty = false;
    this.given = []; // { picture, answer }: what was sent, to be there again after an undo
    const changed = () => {
      this.dirty = true;
      onchange();
    };
    this.tiles = new Tiles();
    this.viewer = new Viewer(byId("stage"), this.tiles, { flipAll: true });
    this.form = new Form(changed);
    this.circles = new Circles(this.viewer, changed);
    this.viewer.overlay = (context) => this.circles.draw(context);
    this.toolbarKey = setUpToolbar(this.viewer);
    this.openHelp = setUpHelp();
    window.addEventListener("beforeunload", (event) => {
      if (this.dirty) event.preventDefault();
    });
  }

  load(showing) {
    const urls = this.viewer.firstTiles(items(showing));
    this.tiles.want("ahead", urls);
    return this.tiles.ready(urls);
  }

  async show(showing, { scores = {}, circles = [], note = "" } = {}) {
    this.form.reset(scores, note);
    this.circles.reset(circles);
    this.dirty = false;
    await this.viewer.show(items(showing));
  }

  remember(showing) {
    this.dirty = false;
    this.given.push({ picture: showing.picture, answer: this.answer });
  }

  // After an undo: puts back what the person had given for this picture.
  async recall(showing) {
    const last = this.given.pop();
    if (!last || !(await samePicture(last.picture, showing.picture).catch(() => false))) return;
    this.form.reset(last.answer.scores, last.answer.note);
    this.circles.reset(last.answer.circles);
    this.dirty = true;
    this.viewer.redraw();
  }

  hide() {
    this.dirty = false;
    this.form.reset();
    this.circles.reset();
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

  skip(flow) {
    if (!enabled(byId("skip"))) return;
    this.dirty = false;
    flow.answer("/api/skip", {});
  }

  // Wires the keys; `own` is { key: act } of the page, `submit` what Ctrl+Enter does.
  listen(flow, submit, own = {}) {
    onClick(byId("undo"), () => flow.undo());
    onClick(byId("skip"), () => this.skip(flow));
    onKey((key, event) => {
      if (event.ctrlKey && key === "Enter") submit();
      else if (event.ctrlKey || key === "Enter" || event.target.closest("textarea")) return false;
      else if (this.toolbarKey(key, event)) return true;
      else if (key === "?") this.openHelp();
      else if (event.repeat || event.shiftKey) return false;
      else if (key === "z") flow.undo();
      else if (key === "s") this.skip(flow);
      else if (key === "n") this.circles.addInMiddle();
      else if (key === "c") this.circles.setMode(!this.circles.mode);
      else if (own[key]) own[key]();
      else return false;
      return true;
    });
  }
}
