// Linked panes: every pane shows the same place at the same scale. Pictures are drawn on canvas from tiles.
//
// Modes: "side" (one pane for each version), "flip" (one pane, versions alternate in the same place), "split" (one
// pane, the first version left of a slider and the second right of it). Source pictures stand in panes of their own.

import { byId, element } from "./common.js";
import {
  cell,
  clamp,
  clampView,
  columnsFor,
  fitScale,
  minScale,
  nextStep,
  visibleTiles,
  wholeStep,
  zoomAt,
  MAX_SCALE,
} from "./geometry.js";
import { listen } from "./gestures.js";
import { t } from "./texts.js";
import { tileUrl } from "./tiles.js";

const GAP = 8; // CSS pixels between panes
const STRIP = 26; // CSS pixels of the label above a pane
const INSET = { x: 10, top: 4, bottom: 10 }; // CSS pixels of surround at the edges of the stage
const GREY = "#757575"; // as --surround in loupe.css
const SNAP = 0.03;

export class Viewer {
  // `stage` takes the panes. `flipAll`: flipping goes through the sources as well (where there is only one version).
  constructor(stage, tiles, { flipAll = false } = {}) {
    this.stage = stage;
    this.tiles = tiles;
    this.flipAll = flipAll;
    this.shown = null; // { main: [{ label, picture }], sources: [{ label, picture }] }
    this.mode = "side";
    this.withSources = true;
    this.front = 0; // which version is seen in flip mode
    this.fraction = 0.5; // where the slider stands in split mode
    this.view = { x: 0, y: 0, scale: 1 };
    this.wantedScale = 1; // before snapping to 100 %
    this.fitted = true;
    this.panes = [];
    this.complete = false; // nothing is drawn before all of the first view is there: no version appears first
    this.onview = () => {};
    this.overlay = null; // (context, viewer) draws over a picture
    this.tool = null; // takes drags before they pan
    this.oncomplete = () => {};
    this.slider = byId("slider");
    tiles.onload = () => this.redraw();
    new ResizeObserver(() => this.layout()).observe(stage);
    listen(this);
  }

  get size() {
    return this.shown.main[0].picture;
  }

  // What one place alternates between in flip mode.
  flips(shown = this.shown) {
    return this.flipAll ? [...shown.main, ...shown.sources] : shown.main;
  }

  // Shows other pictures, fitted; resolves when all that is on screen is drawn.
  show(shown) {
    this.shown = shown;
    this.front = 0;
    this.fraction = 0.5;
    this.fitted = true;
    this.complete = false;
    const drawn = new Promise((resolve) => {
      this.oncomplete = resolve;
    });
    this.layout();
    this.draw();
    return drawn;
  }

  clear() {
    this.shown = null;
    this.tiles.want("view", []);
    for (const pane of this.panes) pane.canvas.getContext("2d").reset();
  }

  // Tiles that `shown` would need at first, to be loaded ahead.
  firstTiles(shown) {
    const { pane } = this.arrangement(shown);
    const size = shown.main[0].picture;
    return this.urls(clampView({ x: 0, y: 0, scale: fitScale(size, pane) }, size, pane), pane, shown);
  }

  urls(view, pane, shown = this.shown) {
    const flipped = this.flipAll && this.mode === "flip";
    const items = [...shown.main, ...(flipped || this.withSources ? shown.sources : [])];
    return items.flatMap(({ picture }) =>
      visibleTiles(picture, shown.main[0].picture, view, pane).tiles.map(({ level, x, y }) =>
        tileUrl(picture, level, x, y),
      ),
    );
  }

  // Panes

  // What each pane shows: one item, or the two on both sides of the slider.
  contents(shown = this.shown) {
    const sources = this.withSources ? shown.sources.map((item) => [item]) : [];
    if (this.mode === "split" && shown.main.length > 1) return [shown.main, ...sources];
    if (this.mode !== "flip") return [...shown.main.map((item) => [item]), ...sources];
    const flips = this.flips(shown);
    return [[flips[this.front % flips.length]], ...(this.flipAll ? [] : sources)];
  }

  // Sizes in CSS pixels, and `pane`, which is in device pixels.
  arrangement(shown) {
    const ratio = window.devicePixelRatio || 1;
    const step = wholeStep(ratio);
    const box = this.stage.getBoundingClientRect();
    const area = { width: box.width - 2 * INSET.x - step, height: box.height - INSET.top - INSET.bottom - step };
    const count = this.contents(shown).length;
    const [gap, strip] = [GAP, this.strip()].map((length) => Math.ceil(length / step) * step);
    const columns = columnsFor(count, area, gap, strip, shown.main[0].picture, 2);
    const css = cell(count, columns, area, gap, strip, step);
    const pane = { width: Math.round(css.width * ratio), height: Math.round(css.height * ratio) };
    return { ratio, step, box, gap, strip, columns, css, pane };
  }

  // The label grows with the reader's text size.
  strip() {
    return Math.round((STRIP / 16) * parseFloat(getComputedStyle(document.documentElement).fontSize));
  }

  layout() {
    if (!this.shown) return;
    const contents = this.contents();
    while (this.panes.length > contents.length) this.panes.pop().element.remove();
    while (this.panes.length < contents.length) this.panes.push(this.addPane());
    const { ratio, step, box, gap, strip, columns, css, pane } = this.arrangement(this.shown);
    this.ratio = ratio;
    this.pane = pane;
    const onto = (edge, inset) => Math.ceil((edge + inset) / step) * step - edge;
    const start = { x: onto(box.left, INSET.x), y: onto(box.top, INSET.top) };
    this.panes.forEach(({ element: place, canvas, label }, i) => {
      const left = start.x + (i % columns) * (css.width + gap);
      const top = start.y + Math.floor(i / columns) * (css.height + strip + gap);
      place.style.transform = `translate(${left}px, ${top}px)`;
      place.style.width = canvas.style.width = `${css.width}px`;
      label.style.height = `${strip}px`;
      canvas.style.height = `${css.height}px`;
      if (canvas.width !== pane.width || canvas.height !== pane.height) {
        canvas.width = pane.width;
        canvas.height = pane.height;
      }
    });
    if (this.fitted) this.wantedScale = this.view.scale = fitScale(this.size, pane);
    this.view = clampView(this.view, this.size, pane);
    this.redraw(true);
  }

  addPane() {
    const canvas = element("canvas", { role: "img" });
    const label = element("span", { className: "label" });
    const place = element("div", { className: "pane" }, label, canvas);
    this.stage.append(place);
    return { element: place, canvas, label };
  }

  // Drawing. `now`: at once and not with the next frame, as resizing has just emptied the canvases.

  redraw(now = false) {
    if (now) return this.draw();
    if (this.frame) return undefined;
    this.frame = requestAnimationFrame(() => this.draw());
    return undefined;
  }

  draw() {
    if (this.frame) cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.shown || !this.pane) return;
    const urls = this.urls(this.view, this.pane);
    this.tiles.want("view", urls);
    const ready = this.tiles.has(urls);
    this.stage.classList.toggle("loading", !this.complete && !ready);
    const first = !this.complete && ready;
    this.complete = this.complete || ready;
    const contents = this.contents();
    this.panes.forEach((pane, i) => this.drawPane(pane, contents[i]));
    this.placeSlider();
    this.onview(this);
    if (first) this.oncomplete();
  }

  drawPane({ canvas, label }, items) {
    const context = canvas.getContext("2d", { alpha: false });
    context.fillStyle = GREY;
    context.fillRect(0, 0, canvas.width, canvas.height);
    const names = items.map((item) => item.label);
    label.textContent = names.join(" | ");
    canvas.setAttribute("aria-label", names.map((name) => this.describe(name)).reduce((first, second) => t("and", { first, second })));
    if (!this.complete) return;
    const edge = Math.round(this.fraction * canvas.width);
    items.forEach(({ picture }, i) => {
      context.save();
      if (items.length > 1) {
        context.beginPath();
        context.rect(i ? edge : 0, 0, i ? canvas.width - edge : edge, canvas.height);
        context.clip();
      }
      this.drawPicture(context, picture);
      context.restore();
    });
    if (this.overlay) this.overlay(context, this);
  }

  describe(name) {
    return name.length === 1 ? t("version", { name }) : name;
  }

  drawPicture(context, picture) {
    const { tiles, exact } = visibleTiles(picture, this.size, this.view, this.pane);
    for (const tile of tiles) {
      const found = this.tiles.find(picture, tile);
      if (!found) continue;
      context.imageSmoothingEnabled = !(exact && found.own);
      context.imageSmoothingQuality = "high";
      context.drawImage(
        found.bitmap,
        found.x,
        found.y,
        found.width,
        found.height,
        tile.left,
        tile.top,
        tile.width,
        tile.height,
      );
    }
  }

  placeSlider() {
    const on = this.mode === "split" && this.shown.main.length > 1;
    this.slider.hidden = !on;
    if (!on) return;
    const canvas = this.panes[0].canvas.getBoundingClientRect();
    const stage = this.stage.getBoundingClientRect();
    const left = canvas.left - stage.left + Math.round(this.fraction * this.pane.width) / this.ratio;
    this.slider.style.transform = `translate(${left}px, ${canvas.top - stage.top}px)`;
    this.slider.style.height = `${canvas.height}px`;
    this.slider.setAttribute("aria-valuenow", Math.round(this.fraction * 100));
  }

  // Moving about

  setView(view, fitted = false) {
    this.fitted = fitted;
    this.view = clampView(view, this.size, this.pane);
    this.redraw();
  }

  // Zooms so that the place under (x, y) of a pane stays, else its middle; near 100 % it is 100 % exactly.
  zoomTo(scale, x, y) {
    this.wantedScale = clamp(scale, minScale(this.size, this.pane), MAX_SCALE);
    const snapped = Math.abs(this.wantedScale - 1) < SNAP ? 1 : this.wantedScale;
    if (snapped === this.view.scale) return;
    this.setView(x === undefined ? { ...this.view, scale: snapped } : zoomAt(this.view, this.pane, x, y, snapped));
  }

  zoomBy(factor, x, y) {
    this.zoomTo(this.wantedScale * factor, x, y);
  }

  step(direction) {
    this.zoomTo(nextStep(this.view.scale, direction));
  }

  fit() {
    this.wantedScale = fitScale(this.size, this.pane);
    this.setView({ ...this.view, scale: this.wantedScale }, true);
  }

  pan(dx, dy) {
    this.setView({
      scale: this.view.scale,
      x: this.view.x - dx / this.view.scale,
      y: this.view.y - dy / this.view.scale,
    });
  }

  setMode(mode) {
    this.mode = mode;
    this.front = 0;
    this.layout();
  }

  flip() {
    this.front = (this.front + 1) % this.flips().length;
    this.redraw(true);
  }

  slide(fraction) {
    this.fraction = clamp(fraction, 0, 1);
    this.redraw();
  }

  showSources(on) {
    this.withSources = on;
    this.layout();
  }
}
