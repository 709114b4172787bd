// A personal link that was followed from elsewhere, or in a browser in which somebody else works: enters where nobody
// else is there, and asks before a change of person.

import { Refused, byId, call, insist, onClick, say } from "./common.js";
import { t } from "./texts.js";

const { link, you, other } = byId("enter").dataset;
const complain = (why) => say("loading", t("enter_failed", { reason: why }));

function ask({ you, other, code }) {
  byId("question").textContent = t("you_are_here", { you, other });
  byId("stay").textContent = t("stay", { you });
  byId("change").textContent = t("continue_as", { other });
  byId("waiting").hidden = true;
  byId("ask").hidden = false;
  onClick(byId("stay"), () => location.replace("/"));
  onClick(byId("change"), () => enter(code));
  byId("stay").focus();
}

async function enter(code) {
  try {
    const answer = code
      ? await call("/api/enter", { link }, code)
      : await insist("/api/enter", { link }, complain);
    if (answer.entered) location.replace("/");
    else ask(answer);
  } catch (error) {
    say("session", error instanceof Refused ? error.message : `${error.message}; ${t("trying_again")}`);
  }
}

if (you) ask({ you, other, code: document.querySelector('meta[name="session"]').content });
else enter();
