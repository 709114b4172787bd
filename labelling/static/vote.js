"use strict";
// One pair on screen, the next one loaded, and a queue of votes that are not yet known to be saved.

const token = document.querySelector('meta[name="session"]').content;
const byId = (id) => document.getElementById(id);
const KEYS = { a: "left", ArrowLeft: "left", b: "right", ArrowRight: "right", t: "tie", u: "unsure" };
const RETRY_MS = [500, 1000, 2000, 5000];

let current = null; // { id, left, right, since }
let following = null; // promise of the next loaded showing
let state = null;
let queue = [];
let sending = false;
let failed = false; // a vote was refused for good: nothing more is taken until the page is reloaded
let busy = true;
let changes = 0; // votes and undos answered so far; an older state must not replace a newer one
let ending = 0;

class Refused extends Error {}

async function call(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Loupe-Session": token },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const reason = answer.detail || `error ${response.status}`;
  throw response.status >= 500 ? new Error(reason) : new Refused(reason);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function insist(path, body, complain) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call(path, body);
    } catch (error) {
      if (error instanceof Refused) throw error;
      complain(error instanceof TypeError ? "the server cannot be reached" : error.message);
      await pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
    }
  }
}

// What is not saved is said first, and stays until it is saved; trouble with loading stands below it.
const alerts = { saving: "", loading: "" };

function say(about, text) {
  alerts[about] = text;
  const shown = Object.values(alerts).filter(Boolean).join("\n");
  byId("alert").textContent = shown;
  byId("alert").hidden = !shown;
}

function refuse(error, prefix) {
  failed = true;
  const reason = `${prefix}${error.message}`;
  alerts.loading = "";
  say("saving", reason.charAt(0).toUpperCase() + reason.slice(1));
  enable();
}

function enable() {
  const ready = current !== null && !busy && !failed;
  for (const id of ["left", "right", "tie", "unsure"]) byId(id).disabled = !ready;
  byId("undo").disabled = failed || busy || !(queue.length || (state && state.undo));
}

function header() {
  if (!state) return;
  byId("progress").textContent = `${state.done} of ${state.done + state.left} pairs done`; // saved ones only
}

async function loaded(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

// The next showing with both pictures decoded, or null when nothing is left.
async function prepare(skip) {
  for (let attempt = 0; ; attempt += 1) {
    const seen = changes;
    const answer = await insist("/next", { skip }, (why) =>
      say("loading", `The next pair cannot be loaded: ${why}. Trying again …`));
    if (!queue.length && seen === changes) state = answer.state;
    const showing = answer.showing;
    if (!showing) return null;
    try {
      showing.images = await Promise.all([loaded(showing.left), loaded(showing.right)]);
      say("loading", "");
      return showing;
    } catch {
      say("loading", "A picture cannot be loaded. Trying again …");
      await pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
    }
  }
}

function unsaved() {
  return queue.map((vote) => vote.showing);
}

async function advance() {
  busy = true;
  current = null;
  enable();
  byId("pair").classList.add("waiting");
  try {
    const showing = await (following || prepare(unsaved()));
    following = null;
    await display(showing);
  } catch (error) {
    following = null;
    refuse(error, "");
  }
}

async function display(showing) {
  header();
  if (!showing) {
    busy = false;
    byId("pair").hidden = true;
    enable();
    await finish();
    return;
  }
  byId("end").hidden = true;
  byId("hint").hidden = false;
  document.body.classList.remove("ended");
  byId("pair").hidden = false;
  ["left", "right"].forEach((side, i) => {
    const shown = showing.images[i];
    shown.alt = i ? "Version B" : "Version A";
    shown.draggable = false;
    byId(side).querySelector("img").replaceWith(shown);
  });
  byId("pair").classList.remove("waiting");
  scale();
  current = { ...showing, since: performance.now() };
  busy = false;
  enable();
  following = prepare([showing.id, ...unsaved()]);
  following.catch(() => {}); // told when it is waited for
}

function scale() {
  const image = byId("left").querySelector("img");
  const box = image.getBoundingClientRect();
  if (!image.naturalWidth || !box.width) return;
  const fit = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight) * window.devicePixelRatio;
  byId("scale").textContent = `shown at ${Math.round(fit * 100)} %`;
}

async function finish() {
  ending += 1;
  const mine = ending;
  byId("hint").hidden = true;
  document.body.classList.add("ended");
  byId("scale").textContent = "";
  byId("end").hidden = false;
  tell("Saving your last vote …");
  await drained();
  for (;;) {
    if (failed || current || mine !== ending) return;
    const done = state && state.complete;
    tell(
      done
        ? `Thank you!\n${state.message}`
        : "Thank you! Nothing is left for you here.\nOther observers still owe votes on this round.",
    );
    try {
      state = (await call("/state", {})).state;
    } catch (error) {
      if (error instanceof Refused) return;
    }
    if (busy || mine !== ending) return;
    header();
    enable();
    if (!done && state.left > 0) return void advance();
    await pause(2000);
  }
}

// Text with commands in backticks.
function tell(text) {
  const parts = text.split("`").map((part, i) => {
    if (i % 2 === 0) return part;
    const command = document.createElement("code");
    command.textContent = part;
    return command;
  });
  byId("message").replaceChildren(...parts);
}

async function drained() {
  while (queue.length && !failed) await pause(50);
}

function choose(answer) {
  if (!current || busy || failed || byId(answer).hidden) return;
  const seconds = (performance.now() - current.since) / 1000;
  queue.push({ id: crypto.randomUUID(), showing: current.id, answer, seconds });
  send();
  advance();
}

async function send() {
  if (sending) return;
  sending = true;
  while (queue.length && !failed) {
    try {
      const answer = await insist("/vote", queue[0], (why) =>
        say("saving", `${queue.length === 1 ? "Your vote is" : `${queue.length} votes are`} NOT saved yet: ${why}. Trying again …`));
      queue.shift();
      changes += 1;
      state = answer.state;
      say("saving", "");
      header();
      enable();
    } catch (error) {
      refuse(error, "Your last vote was NOT saved: ");
    }
  }
  sending = false;
}

async function undo() {
  if (failed || busy || byId("undo").disabled) return;
  busy = true;
  enable();
  await drained();
  if (failed || !state || !state.undo) {
    busy = false;
    enable();
    return;
  }
  try {
    const answer = await insist("/undo", { vote: state.undo }, (why) => say("saving", `Undo did not work yet: ${why}. Trying again …`));
    changes += 1;
    state = answer.state;
    say("saving", "");
    following = null;
    await advance();
  } catch (error) {
    refuse(error, "Undo did not work: ");
  }
}

for (const id of ["left", "right", "tie", "unsure"]) byId(id).addEventListener("click", () => choose(id));
byId("undo").addEventListener("click", undo);
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "z") undo();
  else if (KEYS[key]) choose(KEYS[key]);
  else return;
  event.preventDefault();
});
window.addEventListener("resize", scale);
window.addEventListener("beforeunload", (event) => {
  if (queue.length && !failed) event.preventDefault();
});
advance();
