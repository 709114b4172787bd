// Circles drawn on a picture, in its own full-resolution pixels whatever the zoom.
//
// In circle mode with the mouse or a pen: drag from the middle outwards draws, dragging a circle moves it, its handle
// resizes it. With a finger, whose swipes move the picture: a tap sets a circle, and only the selected one, or its
// handle, can be dragged. With the keyboard: every circle is a button in a list, and what has the focus is selected.

import { byId, element, enable, onClick } from "./common.js";
import { clamp, origin } from "./geometry.js";
import { t } from "./texts.js";

export const MOST = 200;
const LEAST_DRAG = 4; // CSS pixels; less is a click
const REACH = { mouse: 12, pen: 16, touch: 24 }; // CSS pixels around handle and edge

const TAPPED = 32; // CSS pixels: radius of a circle that a tap sets

const rounded = (value) => Math.round(value * 100) / 100;

// Lines that can be seen on any picture without colour: white with black on both sides.
export function drawCircle(context, viewer, circle, { selected = false, dashed = false, name = "" } = {}) {
  const { scale } = viewer.view;
  const corner = origin(viewer.view, viewer.pane);
  const x = corner.x + circle.x * scale;
  const y = corner.y + circle.y * scale;
  const radius = circle.radius * scale;
  const width = viewer.ratio * (selected ? 3 : 2);
  context.save();
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  if (dashed) context.setLineDash([6 * viewer.ratio, 5 * viewer.ratio]);
  for (const [style, wide] of [
    ["#000", width + 2 * viewer.ratio],
    ["#fff", width],
  ]) {
    context.strokeStyle = style;
    context.lineWidth = wide;
    context.stroke();
  }
  context.setLineDash([]);
  if (selected) {
    for (const [style, size] of [
      ["#000", 7],
      ["#fff", 5],
    ]) {
      context.fillStyle = style;
      context.beginPath();
      context.arc(x + radius, y, size * viewer.ratio, 0, 2 * Math.PI);
      context.fill();
    }
  }
  if (name) {
    context.font = `600 ${13 * viewer.ratio}px system-ui, sans-serif`;
    context.textAlign = "center";
    // Below where dashed, so that the names of two circles in the same place can be read.
    const at = dashed ? y + radius + 4 * viewer.ratio : y - radius - 4 * viewer.ratio;
    context.textBaseline = dashed ? "top" : "bottom";
    context.lineWidth = 3 * viewer.ratio;
    context.strokeStyle = "#000";
    context.fillStyle = "#fff";
    context.strokeText(name, x, at);
    context.fillText(name, x, at);
  }
  context.restore();
}

export class Circles {
  // `onchange` is told whenever a circle came, went, moved or changed; `ongesture(on)` when a drag begins and ends.
  constructor(viewer, onchange, ongesture) {
    this.viewer = viewer;
    this.onchange = onchange;
    this.ongesture = ongesture;
    this.list = [];
    this.selected = -1;
    this.drag = null;
    this.open = false;
    this.classes = JSON.parse(byId("circles").dataset.classes);
    this.artifact = ""; // the class chosen last, which the next circle begins with
    viewer.tool = this;
    onClick(byId("circle-mode"), () => this.setMode(!this.mode));
    onClick(byId("circle-new"), () => this.addInMiddle());
    byId("circles").addEventListener("keydown", (event) => this.key(event));
    this.setMode(false);
  }

  setMode(on) {
    this.mode = on;
    byId("circle-mode").setAttribute("aria-pressed", String(on));
    this.viewer.stage.classList.toggle("drawing", on);
  }

  // Starts afresh with copies of `circles`.
  reset(circles = []) {
    this.list = circles.map((circle) => ({ ...circle }));
    this.selected = -1;
    this.drag = null;
    this.render();
  }

  enable(on) {
    this.open = on;
    for (const id of ["circle-mode", "circle-new"]) enable(byId(id), on && this.list.length < MOST);
  }

  draw(context) {
    this.list.forEach((circle, i) =>
      drawCircle(context, this.viewer, circle, {
        selected: i === this.selected,
        name: circle.artifact ? `${i + 1} ${circle.artifact}` : String(i + 1),
      }),
    );
  }

  fitted({ x, y, radius, artifact = "" }) {
    const { width, height } = this.viewer.size;
    return {
      artifact,
      x: rounded(clamp(x, 0.5, width - 0.5)),
      y: rounded(clamp(y, 0.5, height - 0.5)),
      radius: rounded(clamp(radius, 1, Math.max(width, height))),
    };
  }

  // Changes; each redraws and tells

  replace(i, circle) {
    this.list[i] = this.fitted(circle);
    this.changed();
  }

  add(circle) {
    if (!this.open || this.list.length >= MOST) return false;
    this.list.push(this.fitted({ artifact: this.artifact, ...circle }));
    this.selected = this.list.length - 1;
    this.changed();
    return true;
  }

  remove(i) {
    if (!this.open || !this.list[i]) return;
    this.list.splice(i, 1);
    this.selected = Math.min(i, this.list.length - 1);
    this.changed();
    const next = this.buttons()[this.selected];
    if (next) next.focus();
    else byId("circle-new").focus();
  }

  addInMiddle() {
    const { view, pane } = this.viewer;
    const radius = (0.12 * Math.min(pane.width, pane.height)) / view.scale;
    if (this.add({ x: view.x, y: view.y, radius })) this.buttons()[this.selected].focus();
  }

  changed() {
    this.render();
    this.onchange();
  }

  // The mouse and fingers; places are as gestures.locate gives them

  down(at, kind) {
    if (!this.mode || !this.open) return false;
    this.touched = kind === "touch";
    const reach = ((REACH[kind] || REACH.mouse) * this.viewer.ratio) / this.viewer.view.scale;
    const hit = this.hit(at.picture, reach);
    if (this.touched && (!hit || hit.index !== this.selected)) return false; // a swipe moves the picture
    if (hit) {
      this.select(hit.index);
      const circle = this.list[hit.index];
      this.drag = { ...hit, from: at, before: { ...circle } };
    } else {
      this.select(-1);
      this.drag = { what: "draw", from: at, before: null, index: -1 };
    }
    this.ongesture(true);
    return true;
  }

  // A finger went down and up in one place.
  tap(at, kind) {
    if (!this.mode || !this.open || kind !== "touch") return;
    const hit = this.hit(at.picture, (REACH.touch * this.viewer.ratio) / this.viewer.view.scale);
    if (hit) this.select(hit.index);
    else this.add({ ...at.picture, radius: (TAPPED * this.viewer.ratio) / this.viewer.view.scale });
  }

  hit(point, reach) {
    const away = (x, y) => Math.hypot(point.x - x, point.y - y);
    const chosen = this.list[this.selected];
    if (chosen && away(chosen.x + chosen.radius, chosen.y) <= reach) return { what: "resize", index: this.selected };
    // The smallest circle under the pointer, so that one inside another can be reached.
    const under = this.list
      .map((circle, index) => ({ circle, index }))
      .filter(({ circle }) => away(circle.x, circle.y) <= circle.radius + reach / 2)
      .sort((a, b) => a.circle.radius - b.circle.radius);
    return under.length ? { what: "move", index: under[0].index } : null;
  }

  move(at) {
    const { what, from, before, index } = this.drag || {};
    if (!what) return;
    const far = Math.hypot(at.x - from.x, at.y - from.y);
    if (what === "draw") {
      if (index < 0 && far < LEAST_DRAG * this.viewer.ratio) return;
      const circle = { ...from.picture, radius: far / this.viewer.view.scale, artifact: this.artifact };
      if (index >= 0) this.replace(index, circle);
      else if (this.add(circle)) this.drag.index = this.selected;
      else this.drag = null;
    } else if (what === "move") {
      this.replace(index, {
        ...before,
        x: before.x + at.picture.x - from.picture.x,
        y: before.y + at.picture.y - from.picture.y,
      });
    } else {
      this.replace(index, { ...before, radius: Math.hypot(at.picture.x - before.x, at.picture.y - before.y) });
    }
  }

  up() {
    this.drag = null;
    this.ongesture(false);
  }

  // A second finger came: what the first one began is taken back.
  cancel() {
    const { what, before, index } = this.drag || {};
    this.drag = null;
    this.ongesture(false);
    if (!what || index < 0) return;
    if (what === "draw") this.list.splice(index, 1);
    else this.list[index] = before;
    this.selected = -1;
    this.changed();
  }

  // The keyboard and the list

  buttons() {
    return [...byId("circles").querySelectorAll("button.circle")];
  }

  select(i) {
    this.selected = i;
    this.buttons().forEach((button, k) => button.setAttribute("aria-pressed", String(k === i)));
    this.viewer.redraw();
  }

  key(event) {
    const i = this.buttons().indexOf(event.target);
    if (i < 0 || !this.open || event.altKey || event.metaKey) return;
    const circle = this.list[i];
    const step = event.ctrlKey ? 1 : Math.max(1, Math.round((5 * this.viewer.ratio) / this.viewer.view.scale));
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (moves[event.key] && !event.shiftKey) {
      const [x, y] = moves[event.key];
      this.replace(i, { ...circle, x: circle.x + x * step, y: circle.y + y * step });
    } else if ("+=".includes(event.key) || "-_".includes(event.key)) {
      this.replace(i, { ...circle, radius: circle.radius + ("+=".includes(event.key) ? step : -step) });
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.remove(i);
    } else {
      return;
    }
    event.preventDefault();
  }

  render() {
    const list = byId("circles");
    while (list.children.length > this.list.length) list.lastElementChild.remove();
    while (list.children.length < this.list.length) this.addRow(list);
    this.list.forEach((circle, i) => {
      const whole = [circle.x, circle.y, circle.radius].map(Math.round);
      this.buttons()[i].textContent = t("circle_at", { n: i + 1, x: whole[0], y: whole[1], radius: whole[2] });
      const select = list.children[i].querySelector("select");
      if (select) select.value = circle.artifact || "";
    });
    byId("circles-none").hidden = this.list.length > 0;
    this.enable(this.open);
    this.select(this.selected);
  }

  classChoice(index) {
    if (!this.classes.length) return [];
    const options = ["", ...this.classes].map((name) => element("option", { value: name, text: name || t("no_class") }));
    const select = element("select", { "aria-label": t("class_of_artifact") }, ...options);
    select.addEventListener("focus", () => this.select(index()));
    select.addEventListener("change", () => {
      this.artifact = select.value;
      this.replace(index(), { ...this.list[index()], artifact: select.value });
    });
    return [select];
  }

  addRow(list) {
    const row = element("li");
    const index = () => [...list.children].indexOf(row);
    const choose = element("button", { type: "button", className: "circle" });
    const remove = element("button", { type: "button", text: t("delete"), className: "delete" });
    choose.addEventListener("focus", () => this.select(index()));
    choose.addEventListener("click", () => this.select(index()));
    remove.addEventListener("focus", () => this.select(index()));
    remove.addEventListener("click", () => this.remove(index()));
    remove.setAttribute("aria-label", t("delete_circle", { n: list.children.length + 1 }));
    row.append(choose, ...this.classChoice(index), remove);
    list.append(row);
  }
}
