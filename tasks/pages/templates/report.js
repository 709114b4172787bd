"use strict";
(() => {
  const chosen = side => document.querySelector(`input[name="${side}"]:checked`);

  function show() {
    const left = chosen("left"), right = chosen("right");
    for (const frame of document.querySelectorAll(".frame")) {
      for (const side of [left, right]) {
        const place = side === left ? "under" : "over";
        let present = false;
        for (const picture of frame.querySelectorAll("img")) {
          const here = picture.dataset.version === side.value;
          picture.classList.toggle(place, here);
          present ||= here;
        }
        const chip = frame.querySelector(side === left ? ".chip.left" : ".chip.right");
        chip.textContent = present ? side.dataset.title : `${side.dataset.title}: none for this photo`;
      }
      frame.querySelector("input").setAttribute("aria-valuetext",
        `${frame.querySelector("input").value} % ${left.dataset.title}, the rest ${right.dataset.title}`);
    }
  }

  for (const radio of document.querySelectorAll('input[name="left"], input[name="right"]')) {
    radio.addEventListener("change", show);
  }
  for (const frame of document.querySelectorAll(".frame")) {
    const slider = frame.querySelector("input");
    slider.addEventListener("input", () => {
      frame.style.setProperty("--split", `${slider.value}%`);
      show();
    });
  }
  const all = document.getElementById("all");
  if (all) {
    all.addEventListener("input", () => {
      for (const frame of document.querySelectorAll(".frame")) {
        frame.querySelector("input").value = all.value;
        frame.style.setProperty("--split", `${all.value}%`);
      }
      show();
    });
  }
  if (chosen("left") && chosen("right")) show();
})();
