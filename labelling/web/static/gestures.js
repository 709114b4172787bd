// Mouse, pen and fingers on the viewer: drag pans, wheel zooms at the pointer, two fingers pinch; the slider.

import { origin } from "./geometry.js";

const WHEEL = 0.0016; // zoom for each pixel of wheel movement, as a power of e
const TAP = 8; // CSS pixels that a finger may move in a tap
const LINE = 16; // pixels of a wheel that counts lines

// Where an event is: device pixels of its pane, and picture pixels.
export function locate(viewer, event, canvas) {
  const box = canvas.getBoundingClientRect();
  const x = (event.clientX - box.left) * viewer.ratio;
  const y = (event.clientY - box.top) * viewer.ratio;
  const corner = origin(viewer.view, viewer.pane);
  return { x, y, picture: { x: (x - corner.x) / viewer.view.scale, y: (y - corner.y) / viewer.view.scale } };
}

export function listen(viewer) {
  const fingers = new Map(); // pointer id -> { x, y } in device pixels of the pane
  let canvas = null;
  let tool = false;
  let sliding = false;
  let still = null; // where a single finger went down, as long as it stayed there

  const usable = () => viewer.shown && viewer.complete;

  viewer.stage.addEventListener(
    "wheel",
    (event) => {
      if (!usable() || !event.target.matches("canvas") || (event.ctrlKey && !event.deltaY)) return;
      event.preventDefault();
      const at = locate(viewer, event, event.target);
      viewer.zoomBy(Math.exp(-event.deltaY * WHEEL * (event.deltaMode === 1 ? LINE : 1)), at.x, at.y);
    },
    { passive: false },
  );

  viewer.stage.addEventListener("pointerdown", (event) => {
    if (!usable() || !event.target.matches("canvas") || event.button > 1) return;
    event.preventDefault();
    if (document.activeElement && document.activeElement.matches("button")) document.activeElement.blur();
    if (!fingers.size) canvas = event.target;
    canvas.setPointerCapture(event.pointerId);
    const at = locate(viewer, event, canvas);
    fingers.set(event.pointerId, at);
    still = fingers.size === 1 ? at : null;
    if (fingers.size > 1 && tool) {
      tool = false;
      viewer.tool.cancel();
    } else if (fingers.size === 1) {
      tool = Boolean(viewer.tool && !event.shiftKey && event.button === 0 && viewer.tool.down(at, event.pointerType));
    }
  });

  viewer.stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before || !usable()) return;
    const at = locate(viewer, event, canvas);
    fingers.set(event.pointerId, at);
    if (still && Math.hypot(at.x - still.x, at.y - still.y) > TAP * viewer.ratio) still = null;
    if (tool) {
      viewer.tool.move(at);
    } else if (fingers.size === 1) {
      viewer.pan(at.x - before.x, at.y - before.y);
    } else if (fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      pinch(viewer, before, at, other);
    }
  });

  const up = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    if (tool) {
      tool = false;
      if (event.type === "pointerup") viewer.tool.up();
      else viewer.tool.cancel();
    } else if (still && viewer.tool && event.type === "pointerup") {
      viewer.tool.tap(still, event.pointerType);
    }
    still = null;
  };
  viewer.stage.addEventListener("pointerup", up);
  viewer.stage.addEventListener("pointercancel", up);

  viewer.slider.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    sliding = true;
    viewer.slider.setPointerCapture(event.pointerId);
  });
  viewer.slider.addEventListener("pointermove", (event) => {
    if (sliding) viewer.slide(locate(viewer, event, viewer.panes[0].canvas).x / viewer.pane.width);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    viewer.slider.addEventListener(end, () => {
      sliding = false;
    });
  }
}

// One finger went from `before` to `now` while the other rested at `other`: zoom about the middle, then follow it.
function pinch(viewer, before, now, other) {
  const distance = (a, b) => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
  const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
  viewer.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  viewer.zoomBy(distance(now, other) / distance(before, other), middle.x, middle.y);
}
