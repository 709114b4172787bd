// The buttons, keys and words around the viewer: modes, zoom, what scale is shown, and when that is not good enough.

import { byId, capital, enable, onClick } from "./common.js";
import { t } from "./texts.js";

const SMALL = { width: 300, height: 220 }; // CSS pixels of a pane below which fine differences cannot be seen
const PAN = 0.12; // of a pane, for each press of Shift and an arrow
const MODES = { side: "mode-side", flip: "mode-flip", split: "mode-split" };

// `full` is the key for 100 %: the digits are scores where pictures are rated.
export function setUpToolbar(viewer, full = "1") {
  const setMode = (mode) => {
    if (!viewer.shown || !byId(MODES[mode])) return;
    viewer.setMode(mode);
    for (const [name, id] of Object.entries(MODES)) {
      if (byId(id)) byId(id).setAttribute("aria-pressed", String(name === mode));
    }
  };
  const toggle = (mode) => setMode(viewer.mode === mode ? "side" : mode);
  const sources = byId("sources");
  const toggleSources = () => {
    viewer.showSources(!viewer.withSources);
    sources.setAttribute("aria-pressed", String(viewer.withSources));
  };
  const when = (act) => () => viewer.shown && viewer.complete && act();

  for (const [mode, id] of Object.entries(MODES)) if (byId(id)) onClick(byId(id), () => setMode(mode));
  onClick(
    byId("zoom-fit"),
    when(() => viewer.fit()),
  );
  onClick(
    byId("zoom-full"),
    when(() => viewer.zoomTo(1)),
  );
  onClick(
    byId("zoom-in"),
    when(() => viewer.step(1)),
  );
  onClick(
    byId("zoom-out"),
    when(() => viewer.step(-1)),
  );
  if (sources) onClick(sources, toggleSources);
  if (byId("flip"))
    onClick(
      byId("flip"),
      when(() => viewer.flip()),
    );
  viewer.slider.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, Home: -1, End: 1 }[event.key];
    if (!step || event.shiftKey) return;
    event.preventDefault();
    viewer.slide(viewer.fraction + step);
  });
  viewer.onview = () => describe(viewer);

  // The viewer's part of the keyboard; true where it took the key.
  return (key, event) => {
    if (!viewer.shown || event.ctrlKey) return false;
    if (key === "f") toggle("flip");
    else if (key === "l") toggle("split");
    else if (key === "o" && sources && !sources.hidden) toggleSources();
    else if (!viewer.complete) return false;
    else if (key === " " && viewer.mode === "flip") viewer.flip();
    else if ((key === "," || key === ".") && viewer.mode === "split")
      viewer.slide(viewer.fraction + (key === "," ? -0.02 : 0.02));
    else if (key === "0") viewer.fit();
    else if (key === full) viewer.zoomTo(1);
    else if (key === "+" || key === "=") viewer.step(1);
    else if (key === "-" || key === "_") viewer.step(-1);
    else if (event.shiftKey && key.startsWith("Arrow")) pan(viewer, key);
    else return false;
    return true;
  };
}

function pan(viewer, key) {
  const [x, y] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
  viewer.pan(Math.round(x * PAN * viewer.pane.width), Math.round(y * PAN * viewer.pane.height));
}

function describe(viewer) {
  const { scale } = viewer.view;
  const percent = scale * 100;
  const shown = percent < 10 ? percent.toFixed(1) : Math.round(percent);
  const how =
    scale === 1 ? t("as_it_is") : t(scale < 1 ? "scaled_down" : "enlarged");
  byId("scale").textContent = t("percent", { percent: shown });
  byId("scale-how").textContent = viewer.complete ? how : t("loading");
  byId("scale-how").classList.toggle("exact", scale === 1);
  const width = viewer.pane.width / viewer.ratio;
  const height = viewer.pane.height / viewer.ratio;
  const small = width < SMALL.width || height < SMALL.height;
  const text = small ? t("too_small") : "";
  if (byId("small").textContent !== text) byId("small").textContent = text;
  byId("small").hidden = !small;
  if (byId("flip")) {
    byId("flip").hidden = viewer.mode !== "flip";
    enable(byId("flip"), viewer.complete);
  }
}

export function sourceItems(sources) {
  return sources.map((source) => ({ label: capital(source.name), picture: source }));
}
