// The check of the screen: what the browser tells of it, and patches that tell how dark, bright and mid-grey come out.

import { byId } from "./common.js";
import { t } from "./texts.js";

const SIDE = 240; // CSS pixels of a field
const LEVELS = { dark: [0, [3, 7, 12, 20]], bright: [255, [252, 248, 243, 235]] }; // of the field, and of its squares
const GAMUTS = ["rec2020", "p3", "srgb"];

const grey = (level) => `rgb(${level} ${level} ${level})`;

// A canvas of `SIDE` CSS pixels in which a pixel is one of the screen.
function surface(id) {
  const canvas = byId(id);
  const size = Math.round(SIDE * devicePixelRatio);
  canvas.width = size;
  canvas.height = size;
  canvas.style.width = canvas.style.height = `${size / devicePixelRatio}px`;
  return { context: canvas.getContext("2d", { alpha: false }), size };
}

function squares(id) {
  const { context, size } = surface(id);
  const [field, levels] = LEVELS[id];
  context.fillStyle = grey(field);
  context.fillRect(0, 0, size, size);
  const part = size / 8;
  levels.forEach((level, i) => {
    context.fillStyle = grey(level);
    context.fillRect(part * (1 + 4 * (i % 2)), part * (1 + 4 * Math.floor(i / 2)), 2 * part, 2 * part);
  });
}

// Lines of black and white give half the light of white, whatever the screen makes of greys.
function stripes() {
  const { context, size } = surface("grey-patch");
  for (let y = 0; y < size; y += 1) {
    context.fillStyle = y % 2 ? "#fff" : "#000";
    context.fillRect(0, y, size, 1);
  }
  context.fillStyle = grey(byId("grey").value);
  context.fillRect(size / 4, size / 4, size / 2, size / 2);
}

function sizes() {
  const line = byId("size");
  const { width, height, rule } = line.dataset;
  line.textContent = t("window_size", { width: innerWidth, height: innerHeight });
  const small = innerWidth < Number(width) || innerHeight < Number(height);
  byId("window-small").hidden = !(small && rule === "wait");
  return small && rule === "wait";
}

let moved = false;

export function displayAnswers() {
  const answers = {
    ratio: devicePixelRatio, screen_width: screen.width, screen_height: screen.height, width: innerWidth,
    height: innerHeight, depth: screen.colorDepth,
    gamut: GAMUTS.find((name) => matchMedia(`(color-gamut: ${name})`).matches) || "",
  };
  const missing = sizes() ? [byId("window-small")] : [];
  if (byId("patches")) {
    for (const field of ["dark", "bright"]) {
      const chosen = document.querySelector(`input[name=${field}]:checked`);
      if (chosen) answers[`${field}_seen`] = Number(chosen.value);
      else missing.push(document.querySelector(`[data-field=${field}]`));
    }
    if (!moved) missing.push(document.querySelector("[data-field=grey]"));
    answers.grey = Number(byId("grey").value);
  }
  return { answers, missing };
}

function draw() {
  sizes();
  if (!byId("patches")) return;
  squares("dark");
  squares("bright");
  stripes();
}

if (byId("size")) {
  draw();
  addEventListener("resize", draw);
  if (byId("grey")) {
    byId("grey").addEventListener("input", () => {
      moved = true;
      stripes();
    });
  }
}
