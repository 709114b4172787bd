// Someone else's rating, or a model's: accept it, correct it, or reject it.

import { byId, capital, element, enable, enabled, onClick, uuid4 } from "./common.js";
import { drawCircle } from "./circles.js";
import { Flow } from "./flow.js";
import { Judging } from "./judging.js";
import { t, tn } from "./texts.js";

const MARKED = 2; // points between the lowest and the highest score from which a disagreement is marked
const judging = new Judging(() => check());
let ratings = []; // the first is under review

judging.viewer.overlay = (context) => {
  if (byId("others-shown").checked) {
    for (const { who, circles } of ratings.slice(1)) {
      for (const circle of circles) drawCircle(context, judging.viewer, circle, { dashed: true, name: who });
    }
  }
  judging.circles.draw(context);
};

const flow = new Flow({
  next: "/api/review/next",
  unit: "rating",
  load: (showing) => judging.load(showing),
  show: async (showing, undone) => {
    ratings = showing.ratings;
    describe(showing);
    await judging.show(showing, ratings[0]);
    judging.form.note.value = ""; // the note is the expert's own
    judging.begin();
    await judging.bringBack(showing, undone);
  },
  hide: () => {
    ratings = [];
    judging.hide();
  },
  begun: () => judging.steps.length > 0,
  enabled: (on) => {
    judging.enable(on);
    check();
  },
});

function describe({ disagreement }) {
  byId("who").textContent = t("under_review", { who: ratings[0].who });
  byId("others-choice").hidden = ratings.length < 2;
  for (const group of judging.form.groups) {
    const { name } = group.dataset;
    const apart = disagreement[name] || 0;
    const line = group.querySelector(".others");
    const scores = ratings
      .filter((rating) => rating.scores[name])
      .map((rating) => t("score_by", { who: rating.who, score: rating.scores[name] }));
    line.textContent = scores.join(" · ");
    if (apart >= MARKED) line.append(" ", element("strong", { text: tn("points_apart", apart) }));
    group.classList.toggle("disagreed", apart >= MARKED);
  }
  byId("notes").replaceChildren(
    ...ratings
      .filter((rating) => rating.note)
      .map((rating) =>
        element(
          "div",
          { className: "remark" },
          element("h3", { text: capital(rating.who) }),
          element("p", { text: rating.note }),
        ),
      ),
  );
}

// Whether the expert's scores or circles differ from what is under review.
function differs() {
  if (!ratings.length) return false;
  const { scores, circles } = judging.answer;
  const given = ratings[0];
  return (
    judging.form.names.some((name) => scores[name] !== given.scores[name]) ||
    circles.length !== given.circles.length ||
    circles.some((circle, i) => ["x", "y", "radius", "artifact"].some((part) => circle[part] !== given.circles[i][part]))
  );
}

function check() {
  const open = judging.form.open && ratings.length > 0;
  const changed = open && differs();
  const whole = !judging.form.missing.length;
  enable(byId("accept"), open && !changed && whole);
  enable(byId("correct"), changed && whole);
  enable(byId("reject"), open);
  enable(byId("restore"), changed);
  const text = changed ? t("you_changed") : "";
  if (byId("missing").textContent !== text) byId("missing").textContent = text;
}

function send(verdict) {
  const button = { accepted: "accept", corrected: "correct", rejected: "reject" }[verdict];
  if (!enabled(byId(button))) return;
  const { scores, circles, note } = judging.answer;
  // A rejected rating counts for nothing, and the expert gives none instead.
  const own = verdict === "rejected" ? { scores: {}, circles: [] } : { scores, circles };
  judging.send(flow, "/api/review", { id: uuid4(), verdict, ...own, note, seconds: flow.seconds });
}

function restore() {
  if (!enabled(byId("restore"))) return;
  const { note } = judging.answer;
  judging.put({ scores: ratings[0].scores, circles: ratings[0].circles, note });
  judging.changed();
}

onClick(byId("accept"), () => send("accepted"));
onClick(byId("correct"), () => send("corrected"));
onClick(byId("reject"), () => send("rejected"));
onClick(byId("restore"), restore);
byId("others-shown").addEventListener("change", () => judging.viewer.redraw());
const submit = () => send(differs() ? "corrected" : "accepted");
judging.listen(flow, submit, { y: () => send("accepted"), x: () => send("rejected"), r: restore });
flow.start();
