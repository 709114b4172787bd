// One picture: its scores, circles around artifacts, a note.

import { byId, enable, enabled, uuid4 } from "./common.js";
import { Flow } from "./flow.js";
import { Judging } from "./judging.js";
import { t } from "./texts.js";

const judging = new Judging(() => check());

const flow = new Flow({
  next: "/api/rate/next",
  unit: "picture",
  load: (showing) => judging.load(showing),
  show: async (showing, undone) => {
    await judging.show(showing);
    await judging.bringBack(showing, undone);
    judging.form.enable(true);
    judging.form.focus();
  },
  hide: () => judging.hide(),
  begun: () => judging.steps.length > 0,
  enabled: (on) => {
    judging.enable(on);
    check();
  },
});

function check() {
  const { missing, open } = judging.form;
  const text = missing.length ? t("still_to_score", { n: missing.length, all: judging.form.groups.length }) : "";
  if (byId("missing").textContent !== text) byId("missing").textContent = text;
  enable(byId("submit"), open && !missing.length);
}

function submit() {
  if (!enabled(byId("submit"))) return judging.form.focus();
  const body = { id: uuid4(), ...judging.answer, seconds: flow.seconds };
  return judging.send(flow, "/api/rate", body);
}

byId("submit").addEventListener("click", submit);
judging.listen(flow, submit);
flow.start();
