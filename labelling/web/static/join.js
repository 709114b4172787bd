// An open link: goes on where this browser began, else asks whether to begin.

import { Refused, byId, call, insist, onClick, say, uuid4 } from "./common.js";
import { t } from "./texts.js";

const { link } = byId("join").dataset;
const KEY = `loupe-browser:${link}`;
let code; // of somebody with a personal link, who works in this browser

// What tells this browser again where its cookie is gone, and makes a repeated request the same visitor.
function browser() {
  try {
    if (!localStorage.getItem(KEY)) localStorage.setItem(KEY, made);
    return localStorage.getItem(KEY);
  } catch {
    return made; // no localStorage: as long as the page is open
  }
}
const made = uuid4();

const complain = (reason) => say("loading", t("enter_failed", { reason }));
const body = (begin) => ({ link, browser: browser(), begin });

async function begin() {
  try {
    const answer = code ? await call("/api/join", body(true), code) : await insist("/api/join", body(true), complain);
    if (answer.entered) location.replace("/visit");
  } catch (error) {
    say("session", error instanceof Refused ? error.message : `${error.message}; ${t("trying_again")}`);
  }
}

async function look() {
  const answer = await insist("/api/join", body(false), complain);
  say("loading", "");
  if (answer.entered) return void location.replace("/visit");
  code = answer.code;
  byId("waiting").hidden = true;
  byId("ask").hidden = false;
  if (!byId("begin")) return;
  byId("person").hidden = !answer.you;
  if (answer.you) {
    byId("person").textContent = t("join_person", { you: answer.you });
    byId("begin").textContent = t("join_as_visitor");
  }
  onClick(byId("begin"), begin);
}

look().catch((error) => say("session", error.message));
