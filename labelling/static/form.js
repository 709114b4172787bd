// The scores: one radio group for each criterion, and the note.

import { byId } from "./common.js";

export class Form {
  constructor(onchange) {
    this.root = byId("scores");
    this.groups = [...this.root.querySelectorAll("fieldset")];
    this.note = byId("note");
    this.open = false;
    this.root.addEventListener("change", onchange);
    this.note.addEventListener("input", onchange);
    this.root.addEventListener("keydown", (event) => this.key(event));
  }

  get names() {
    return this.groups.map((group) => group.dataset.name);
  }

  get scores() {
    return Object.fromEntries(
      this.groups.flatMap((group) => {
        const chosen = group.querySelector("input:checked");
        return chosen ? [[group.dataset.name, Number(chosen.value)]] : [];
      }),
    );
  }

  get missing() {
    return this.groups.filter((group) => !group.querySelector("input:checked"));
  }

  reset(scores = {}, note = "") {
    for (const group of this.groups) {
      for (const input of group.querySelectorAll("input"))
        input.checked = Number(input.value) === scores[group.dataset.name];
    }
    this.note.value = note;
  }

  enable(on) {
    this.open = on;
    for (const group of this.groups) group.disabled = !on;
    this.note.disabled = !on;
  }

  // To the first criterion that has no score yet.
  focus() {
    const group = this.missing[0] || this.groups[0];
    if (group) (group.querySelector("input:checked") || group.querySelector("input")).focus({ preventScroll: true });
  }

  // 1 to 5 score the criterion that has the focus, and go on to the next.
  key(event) {
    const group = event.target.closest("fieldset");
    if (!group || !this.open || event.ctrlKey || event.altKey || event.metaKey || !/^[1-5]$/.test(event.key)) return;
    event.preventDefault();
    const input = group.querySelector(`input[value="${event.key}"]`);
    input.checked = true;
    input.focus();
    input.dispatchEvent(new Event("change", { bubbles: true }));
    const next = this.groups[this.groups.indexOf(group) + 1];
    if (next) (next.querySelector("input:checked") || next.querySelector("input")).focus();
  }
}
