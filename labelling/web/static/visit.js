// A page before or after the pairs: what was answered goes to the server, and the next page comes.

import { Refused, byId, enable, enabled, insist, onClick, say } from "./common.js";
import { displayAnswers } from "./display.js";
import { t, tn } from "./texts.js";

const { step } = byId("visit").dataset;
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// { answers, missing }: by name, and the elements whose answers are missing.
function questions() {
  const answers = {};
  const missing = [];
  for (const box of all("fieldset.question")) {
    const { name, type } = box.dataset;
    const field = type === "choice" ? box.querySelector("input:checked") : box.querySelector("input, textarea");
    const value = field ? field.value.trim() : "";
    const valid = value ? field.validity.valid : !("required" in box.dataset) && (!field || field.validity.valid);
    if (!valid) missing.push(box);
    answers[name] = value === "" ? null : type === "number" ? Number(value) : value;
  }
  return { answers, missing };
}

function plates() {
  const answers = {};
  const missing = [];
  for (const box of all("[data-plate]")) {
    const [digit, none] = ["input[type=text]", "input[type=checkbox]"].map((each) => box.querySelector(each));
    const said = none.checked ? "" : digit.value.trim();
    if (!none.checked && !/^[0-9]$/.test(said)) missing.push(box);
    answers[box.dataset.plate] = said;
  }
  return { answers, missing };
}

const READ = { before: questions, after: questions, colour: plates, display: displayAnswers };
const read = READ[step] || (() => ({ answers: {}, missing: [] }));
let tried = false;

function mark() {
  const { missing } = read();
  for (const box of all("fieldset")) box.classList.toggle("unanswered", tried && missing.includes(box));
  byId("missing").textContent = tried && missing.length ? tn("missing", missing.length) : "";
  return missing;
}

async function send() {
  tried = true;
  const missing = mark();
  if (missing.length) {
    missing[0].scrollIntoView({ block: "center" });
    const field = missing[0].querySelector("input, textarea");
    if (field) field.focus({ preventScroll: true });
    return;
  }
  enable(byId("go-on"), false);
  try {
    await insist("/api/page", { page: step, answers: read().answers }, (reason) =>
      say("saving", t("send_failed", { reason })),
    );
    location.replace("/visit");
  } catch (error) {
    enable(byId("go-on"), true);
    if (!(error instanceof Refused)) throw error;
    say("saving", error.message);
  }
}

for (const box of all("[data-plate]")) {
  const [digit, none] = ["input[type=text]", "input[type=checkbox]"].map((each) => box.querySelector(each));
  digit.addEventListener("input", () => digit.value && (none.checked = false));
  none.addEventListener("change", () => none.checked && (digit.value = ""));
}
if (byId("go-on")) {
  document.addEventListener("input", mark);
  document.addEventListener("change", mark);
  onClick(byId("go-on"), () => enabled(byId("go-on")) && send());
}
