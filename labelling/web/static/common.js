// What every page needs: calls to the server, what is said to the person, small helpers.

import { t } from "./texts.js";

const meta = document.querySelector('meta[name="session"]');
const SESSION = meta ? meta.content : "";
const RETRY_MS = [500, 1000, 2000, 5000];
const TRANSIENT = new Set([408, 421, 425, 429]);

export const byId = (id) => document.getElementById(id);

// The server understood and said no: asking again changes nothing.
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

// `code`: of the session, where it is not that of this page.
export async function call(path, body, code = SESSION) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Loupe-Session": code },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error(t("unreachable"));
  }
  // Read before the status counts: an answer that breaks off half way is no answer.
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  const reason = (answer && answer.detail) || t("server_answered", { status: response.status });
  if (response.ok || response.status >= 500 || TRANSIENT.has(response.status)) throw new Error(reason);
  throw new Refused(reason, response.status);
}

// Waits before the attempt after number `attempt`; ends early when the network comes back.
export function backoff(attempt) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
    window.addEventListener("online", done);
  });
}

// Calls until the server answers; `complain` is told each time why it did not.
export async function insist(path, body, complain) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call(path, body);
    } catch (error) {
      if (error instanceof Refused) throw error;
      complain(error.message);
      await backoff(attempt);
    }
  }
}

// crypto.randomUUID is missing where the page comes over plain HTTP from another machine.
export function uuid4() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function element(tag, { text, className, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Text with commands in backticks, as nodes.
export function withCommands(text) {
  return text.split("`").map((part, i) => (i % 2 ? element("code", { text: part }) : part));
}

const alerts = new Map();
const NOTICE_MS = 12000;
const ORDER = ["notice", "refused", "saving", "undo", "loading", "session"];

// Shows `text` in the alert until it is replaced or emptied; `action` is { label, act } for a button beside it.
export function say(about, text, action) {
  if ((alerts.get(about) || {}).text === text) return;
  alerts.set(about, { text, action });
  const told = (name) => alerts.has(name) && alerts.get(name).text;
  // One line for one trouble: where an answer cannot be sent, the next showing cannot be loaded either.
  const lines = ORDER.filter((name) => told(name) && !(name === "loading" && told("saving"))).map((name) =>
    alerts.get(name),
  );
  byId("alert").replaceChildren(
    ...lines.map((alert) => {
      const line = element("p", {}, capital(alert.text));
      if (alert.action) {
        const button = element("button", { type: "button", text: alert.action.label });
        button.addEventListener("click", alert.action.act);
        line.append(" ", button);
      }
      return line;
    }),
  );
  byId("alert").hidden = !lines.length;
}

let noticed;

// Says something once, for long enough to read it.
export function notify(text) {
  clearTimeout(noticed);
  say("notice", text);
  noticed = setTimeout(() => say("notice", ""), NOTICE_MS);
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// aria-disabled keeps the keyboard focus where it is; a disabled button would lose it between two pairs.
export function enable(button, on) {
  button.setAttribute("aria-disabled", String(!on));
}

export function enabled(button) {
  return !button.hidden && button.getAttribute("aria-disabled") !== "true";
}

export function onClick(button, act) {
  button.addEventListener("click", (event) => {
    // After a click with the mouse, Space and Enter belong to the viewer again, not to the button.
    if (event.detail > 0) button.blur();
    if (enabled(button)) act();
  });
}

// Keys of the page, where nobody is typing and no dialog is open. `act(key, event)` says whether it took the key.
export function onKey(act) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("textarea, select, input:not([type=radio]):not([type=checkbox])") && event.key !== "Enter") return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (act(key, event)) event.preventDefault();
  });
}

export function setUpHelp() {
  const dialog = byId("help");
  onClick(byId("help-open"), () => dialog.showModal());
  onClick(byId("help-close"), () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  return () => dialog.showModal();
}
