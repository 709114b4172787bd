// How labelling goes, for whoever runs it: asked anew every three seconds while the page is seen.

import { Refused, byId, call, element, say } from "./common.js";

const EVERY_MS = 3000;
const OBSERVER = [
  ["Observer", (o) => o.name],
  ["Kind", (o) => o.kind],
  ["Done", (o) => count(o.done)],
  ["Still owes", (o) => count(o.owes)],
  ["Agrees with others", (o) => percent(o.agreement)],
  ["Same answer on repeats", (o) => (o.repeats ? `${percent(o.repeat_consistency)} of ${o.repeats}` : "–")],
  ["Chose left", (o) => (isNumber(o.left_share) ? `${percent(o.left_share)}${p(o.left_p)}` : "–")],
  ["Median time", (o) => (isNumber(o.median_seconds) ? `${o.median_seconds.toFixed(1)} s` : "–")],
  ["Remarks", (o) => (o.suspect ? `Look at this: ${o.suspect}` : o.untold ? `Cannot be told yet: ${o.untold}` : "")],
];

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const count = (value) => (isNumber(value) ? value.toLocaleString("en") : "–");
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
    { className: "scroll", tabindex: "0", role: "region", "aria-label": `Observers of ${round.round}` },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)),
  );
}

function section(round) {
  const title = element("h2", { text: round.round });
  const state = element("p", {
    className: "state",
    text: round.complete ? "Complete" : `Waiting for ${round.task === "pairs" ? "votes" : round.task}`,
  });
  const bar = element("progress", {
    max: Math.max(1, round.need),
    value: round.have,
    "aria-label": `Votes of ${round.round}`,
  });
  const unit =
    {
      ratings: ["Pictures", "Ratings", "Ratings per picture"],
      reviews: ["Pictures", "Reviews", "Reviews per picture"],
    }[round.task] || ["Pairs", "Votes", "Votes per pair"];
  const figures = element(
    "dl",
    { className: "figures" },
    figure(unit[0], count(round.pairs)),
    figure(unit[2], count(round.votes_per_pair)),
    figure(unit[1], `${count(round.have)} of ${count(round.need)}`),
    ...(round.unsure ? [figure("Can’t tell (pairs undecidable)", `${count(round.unsure)} (${count(round.undecidable)})`)] : []),
    figure(round.models ? "Krippendorff’s alpha, people" : "Krippendorff’s alpha", decimals(round.alpha)),
    ...(round.models || []).map((model) =>
      figure(
        `${model.name} (LLM) with people`,
        model.pictures
          ? `alpha ${decimals(model.alpha)}, ${model.difference < 0 ? "−" : "+"}${decimals(Math.abs(model.difference))} points on ${count(model.pictures)}`
          : "no picture in common",
      ),
    ),
    figure("Pairwise agreement", percent(round.pairwise)),
  );
  const people = round.observers.length ? table(round) : element("p", { text: "Nobody has answered yet." });
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
  if (!overview.rounds.length) rounds.append(element("p", { text: "No round is registered yet." }));
  rounds.querySelectorAll(".scroll").forEach((box, i) => {
    box.scrollLeft = places[i] || 0;
    if (i === focused) box.focus({ preventScroll: true });
  });
  byId("at").textContent = `As of ${new Date(overview.at).toLocaleTimeString("en-GB")}`;
}

async function poll() {
  for (;;) {
    if (!document.hidden) {
      try {
        show(await call("/api/watch", {}));
        say("loading", "");
      } catch (error) {
        if (error instanceof Refused) return say("session", error.message);
        say("loading", `These figures are old: ${error.message}. Trying again …`);
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
