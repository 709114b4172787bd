// The list of sets. Answers that another page left unsent are sent from here too.

import { Outbox } from "./outbox.js";

const sets = [...document.querySelectorAll("[data-set]")].map((item) => item.dataset.set);
if (sets.length) new Outbox(sets);
