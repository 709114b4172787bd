// Two versions of one picture: which is better?

import { byId, enable, enabled, onClick, onKey, setUpHelp, uuid4 } from "./common.js";
import { Flow } from "./flow.js";
import { t } from "./texts.js";
import { Tiles } from "./tiles.js";
import { setUpToolbar, sourceItems } from "./toolbar.js";
import { Viewer } from "./viewer.js";

const KEYS = { a: "left", ArrowLeft: "left", b: "right", ArrowRight: "right", t: "tie", u: "unsure" };
const ANSWERS = ["left", "right", "tie", "unsure"].filter((id) => byId(id));

const tiles = new Tiles();
const viewer = new Viewer(byId("stage"), tiles);
const toolbarKey = setUpToolbar(viewer);
const openHelp = setUpHelp();

let goOn = null; // ends the feedback after a practice pair

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
    byId("practice").textContent = showing.training ? t("practice") : "";
    return viewer.show(items(showing));
  },
  hide: () => {
    byId("practice").hidden = true;
    viewer.clear();
  },
  enabled: (on) => [...ANSWERS, "skip"].forEach((id) => enable(byId(id), on)),
});

// After a practice pair: says whether the answer was right, the pair still on screen, until the person goes on.
function explain({ feedback }) {
  if (!feedback) return undefined;
  const [verdict, side] = feedback;
  byId("feedback-text").textContent = t(`feedback_${verdict}`, { better: side === "left" ? "A" : "B" });
  byId("feedback").hidden = false;
  byId("feedback-next").focus();
  return new Promise((resolve) => {
    goOn = () => {
      goOn = null;
      byId("feedback").hidden = true;
      resolve();
    };
  });
}

function choose(answer) {
  if (!enabled(byId(answer))) return;
  const stay = flow.current.feedback ? explain : undefined;
  flow.answer("/api/vote", { id: uuid4(), answer, seconds: flow.seconds }, undefined, stay);
}

function skip() {
  if (enabled(byId("skip"))) flow.answer("/api/skip", {});
}

byId("feedback-next").addEventListener("click", () => goOn && goOn());
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
