// The scores: one radio group for each criterion, the next of which the digits score, and the note.

import { byId } from "./common.js";

export class Form {
  // `onchange("scores" or "note")`: the person changed something.
  constructor(onchange) {
    this.root = byId("scores");
    this.groups = [...this.root.querySelectorAll("fieldset")];
    this.note = byId("note");
    this.open = false;
    this.next = null; // the criterion that the next digit scores
    this.moving = false; // the focus goes somewhere because of us, not of the person
    this.root.addEventListener("change", (event) => {
      this.choose(event.target.closest("fieldset"));
      onchange("scores");
    });
    this.note.addEventListener("input", () => onchange("note"));
    for (const name of ["focusin", "pointerdown"]) {
      this.root.addEventListener(name, (event) => {
        const group = event.target.closest("fieldset");
        if (group && this.open && !this.moving) this.choose(group);
      });
    }
    for (const name of ["focusin", "focusout", "mouseover", "mouseout"])
      this.root.addEventListener(name, (event) => this.explain(event));
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
      this.describe(group);
    }
    this.note.value = note;
    this.choose(this.missing[0] || null);
  }

  enable(on) {
    this.open = on;
    for (const group of this.groups) group.disabled = !on;
    this.note.disabled = !on;
  }

  // To the criterion that comes next, where there is one.
  focus() {
    const group = this.next || this.missing[0] || this.groups[0];
    if (!group) return;
    this.moving = true;
    (group.querySelector("input:checked") || group.querySelector("input")).focus({ preventScroll: true });
    this.moving = false;
    if (this.next) this.next.scrollIntoView({ block: "nearest" });
  }

  choose(group) {
    this.next = group;
    for (const each of this.groups) {
      each.classList.toggle("next", each === group);
      if (each === group) each.setAttribute("aria-current", "true");
      else each.removeAttribute("aria-current");
    }
  }

  // A digit scores the criterion that is next, and goes on to one without a score. Where all have one, it does nothing
  // until a criterion is chosen again. True where it was taken.
  digit(key) {
    if (!this.open || !/^[1-5]$/.test(key)) return false;
    const group = this.next;
    if (!group) return true;
    const input = group.querySelector(`input[value="${key}"]`);
    input.checked = true;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    const at = this.groups.indexOf(group);
    const open = this.missing;
    this.choose(open.find((each) => this.groups.indexOf(each) > at) || open[0] || null);
    if (this.next) this.focus();
    return true;
  }

  // What the score means on which the pointer or the focus is, else the chosen one's; else what the ends mean.
  explain(event) {
    const group = event.target.closest("fieldset");
    if (!group) return;
    const label = event.target.closest("label");
    const leaving = event.type === "mouseout" || event.type === "focusout";
    this.describe(group, leaving || !label ? null : label.querySelector("input"));
  }

  describe(group, at = null) {
    const input = at || group.querySelector("input:checked");
    const said = (radio) => radio.parentElement.querySelector("span").textContent;
    const radios = [...group.querySelectorAll("input")];
    const ends = [radios[0], radios[radios.length - 1]].map((radio) => `${radio.value} ${said(radio)}`).join(" … ");
    group.querySelector(".meaning").textContent = input && said(input) ? `${input.value} ${said(input)}` : ends;
  }
}
