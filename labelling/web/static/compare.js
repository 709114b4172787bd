// Two versions of one picture: which is better?

import { byId, enable, enabled, onClick, onKey, setUpHelp, uuid4 } from "./common.js";
import { Flow } from "./flow.js";
import { Tiles } from "./tiles.js";
import { setUpToolbar, sourceItems } from "./toolbar.js";
import { Viewer } from "./viewer.js";

const KEYS = { a: "left", ArrowLeft: "left", b: "right", ArrowRight: "right", t: "tie", u: "unsure" };
const ANSWERS = ["left", "right", "tie", "unsure"].filter((id) => byId(id));

const tiles = new Tiles();
const viewer = new Viewer(byId("stage"), tiles);
const toolbarKey = setUpToolbar(viewer);
const openHelp = setUpHelp();

const items = (showing) => ({
  main: [
    { label: "A", picture: showing.left },
    { label: "B", picture: showing.right },
  ],
  sources: sourceItems(showing.sources),
});

const flow = new Flow({
  next: "/api/next",
  unit: "pair",
  load: (showing) => {
    const urls = viewer.firstTiles(items(showing));
    tiles.want("ahead", urls);
    return tiles.ready(urls);
  },
  show: (showing) => {
    byId("question").textContent = showing.question; // it may have changed since the page was loaded
    byId("practice").hidden = !showing.training;
    byId("practice").textContent = showing.training ? "Practice, not counted" : "";
    return viewer.show(items(showing));
  },
  hide: () => {
    byId("practice").hidden = true;
    viewer.clear();
  },
  enabled: (on) => [...ANSWERS, "skip"].forEach((id) => enable(byId(id), on)),
});

function choose(answer) {
  if (!enabled(byId(answer))) return;
  flow.answer("/api/vote", { id: uuid4(), answer, seconds: flow.seconds });
}

function skip() {
  if (enabled(byId("skip"))) flow.answer("/api/skip", {});
}

for (const id of ANSWERS) onClick(byId(id), () => choose(id));
onClick(byId("skip"), skip);
onClick(byId("undo"), () => flow.undo());
onKey((key, event) => {
  if (event.ctrlKey) return false;
  if (toolbarKey(key, event)) return true;
  if (key === "?") openHelp();
  else if (event.repeat || event.shiftKey)
    return false; // a key held down is one answer
  else if (key === "z") flow.undo();
  else if (key === "s") skip();
  else if (KEYS[key] && byId(KEYS[key])) choose(KEYS[key]);
  else return false;
  return true;
});

flow.start();
