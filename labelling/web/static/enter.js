// A personal link that was followed from elsewhere, or in a browser in which somebody else works: enters where nobody
// else is there, and asks before a change of person.

import { Refused, byId, call, insist, onClick, say } from "./common.js";

const { link, you, other } = byId("enter").dataset;
const complain = (why) => say("loading", `Loupe cannot be entered: ${why}. Trying again …`);

function ask({ you, other, code }) {
  byId("you").textContent = document.querySelector(".you").textContent = you;
  byId("other").textContent = document.querySelector(".other").textContent = other;
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
    say("session", error instanceof Refused ? error.message : `${error.message}; try again.`);
  }
}

if (you) ask({ you, other, code: document.querySelector('meta[name="session"]').content });
else enter();
