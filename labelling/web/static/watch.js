// How labelling goes, for whoever runs it: asked anew every three seconds while the page is seen.

import { Refused, byId, call, element, say } from "./common.js";
import { t } from "./texts.js";

const EVERY_MS = 3000;
const LANG = document.documentElement.lang;
const LOCALE = LANG === "en" ? "en-GB" : LANG; // a clock of 24 hours
const OBSERVER = [
  [t("observer"), (o) => o.name],
  [t("kind"), (o) => o.kind],
  [t("done_column"), (o) => count(o.done)],
  [t("still_owes"), (o) => count(o.owes)],
  [t("agrees"), (o) => percent(o.agreement)],
  [t("same_on_repeats"), (o) => (o.repeats ? t("of_repeats", { share: percent(o.repeat_consistency), n: o.repeats }) : "–")],
  [t("chose_left"), (o) => (isNumber(o.left_share) ? `${percent(o.left_share)}${p(o.left_p)}` : "–")],
  [t("median_time"), (o) => (isNumber(o.median_seconds) ? t("seconds", { n: o.median_seconds.toFixed(1) }) : "–")],
  [t("remarks"), (o) => (o.suspect ? t("look_at_this", { reason: o.suspect }) : o.untold ? t("not_told_yet", { reason: o.untold }) : "")],
];

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const count = (value) => (isNumber(value) ? value.toLocaleString(LOCALE) : "–");
const percent = (value) => (isNumber(value) ? `${Math.round(value * 100)} %` : "–");
const p = (value) => (isNumber(value) ? ` (p ${value < 0.001 ? "< 0.001" : `= ${value.toFixed(3)}`})` : "");
const decimals = (value) => (isNumber(value) ? value.toFixed(2) : "–");

function figure(name, value) {
  return element("div", { className: "figure" }, element("dt", { text: name }), element("dd", { text: value }));
}

function table(round) {
  const head = element("tr", {}, ...OBSERVER.map(([title]) => element("th", { scope: "col", text: title })));
  const rows = round.observers.map((observer) =>
    element(
      "tr",
      { className: observer.suspect ? "suspect" : "" },
      ...OBSERVER.map(([title, read], i) => {
        const cell = element(i ? "td" : "th", { text: read(observer), "data-title": title });
        if (!i) cell.scope = "row";
        return cell;
      }),
    ),
  );
  // Wide tables scroll in a box of their own, which the keyboard can reach.
  return element(
    "div",
    { className: "scroll", tabindex: "0", role: "region", "aria-label": t("observers_of", { round: round.round }) },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)),
  );
}

function section(round) {
  const title = element("h2", { text: round.round });
  const state = element("p", {
    className: "state",
    text: t(round.complete ? "complete" : `waiting_${round.task === "pairs" ? "votes" : round.task}`),
  });
  const bar = element("progress", {
    max: Math.max(1, round.need),
    value: round.have,
    "aria-label": t("votes_of", { round: round.round }),
  });
  const unit = {
    ratings: ["pictures", "ratings", "ratings_per_picture"],
    reviews: ["pictures", "reviews", "reviews_per_picture"],
    pairs: ["pairs", "votes", "votes_per_pair"],
  }[round.task].map((key) => t(key));
  const figures = element(
    "dl",
    { className: "figures" },
    figure(unit[0], count(round.pairs)),
    figure(unit[2], count(round.votes_per_pair)),
    figure(unit[1], t("done_of", { done: count(round.have), all: count(round.need) })),
    ...(round.unsure ? [figure(t("unsure_undecidable"), `${count(round.unsure)} (${count(round.undecidable)})`)] : []),
    figure(t(round.models ? "alpha_people" : "alpha"), decimals(round.alpha)),
    ...(round.models || []).map((model) =>
      figure(
        t("with_people", { name: model.name }),
        model.pictures
          ? t("alpha_and_points", {
              alpha: decimals(model.alpha),
              points: `${model.difference < 0 ? "−" : "+"}${decimals(Math.abs(model.difference))}`,
              n: count(model.pictures),
            })
          : t("nothing_in_common"),
      ),
    ),
    figure(t("pairwise_agreement"), percent(round.pairwise)),
  );
  const people = round.observers.length ? table(round) : element("p", { text: t("nobody_yet") });
  return element(
    "section",
    { className: round.complete ? "round complete" : "round" },
    element("div", { className: "title" }, title, state),
    bar,
    figures,
    people,
  );
}

// Where the keyboard and the scroll bars are must survive the new figures.
function show(overview) {
  const rounds = byId("rounds");
  const boxes = [...rounds.querySelectorAll(".scroll")];
  const places = boxes.map((box) => box.scrollLeft);
  const focused = boxes.indexOf(document.activeElement);
  rounds.replaceChildren(...overview.rounds.map(section));
  if (!overview.rounds.length) rounds.append(element("p", { text: t("no_round") }));
  rounds.querySelectorAll(".scroll").forEach((box, i) => {
    box.scrollLeft = places[i] || 0;
    if (i === focused) box.focus({ preventScroll: true });
  });
  byId("at").textContent = t("as_of", { time: new Date(overview.at).toLocaleTimeString(LOCALE) });
}

async function poll() {
  for (;;) {
    if (!document.hidden) {
      try {
        show(await call("/api/watch", {}));
        say("loading", "");
      } catch (error) {
        if (error instanceof Refused) return say("session", error.message);
        say("loading", t("old_figures", { reason: error.message }));
      }
    }
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, EVERY_MS);
      // Seen again: at once, not at the end of the three seconds.
      document.addEventListener(
        "visibilitychange",
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}

poll();
