// What the page does beyond HTML: it keeps itself up to date, and shows the text of a segment or a point of a chart
// at once, by pointer and by keyboard. Without it everything else works, and a reload brings the newest state.
"use strict";

const tip = document.getElementById("tip");
const spoken = document.getElementById("spoken");

function textOf(mark) {
  return mark.dataset.text || mark.querySelector("title")?.textContent || "";
}

function show(mark, aloud) {
  tip.textContent = textOf(mark);
  tip.hidden = false;
  const box = mark.getBoundingClientRect();
  const left = Math.min(Math.max(8, box.left + box.width / 2 - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 8);
  const above = box.top - tip.offsetHeight - 8;
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${(above > 0 ? above : box.bottom + 8) + scrollY}px`;
  if (aloud) spoken.textContent = tip.textContent;
}

function hide() {
  tip.hidden = true;
  document.querySelectorAll(".on").forEach((mark) => mark.classList.remove("on"));
}

// The browser's own tooltip comes late and would cover ours: the text moves from <title> to an attribute.
function own(root) {
  for (const mark of root.querySelectorAll(".marks rect")) {
    const title = mark.querySelector("title");
    if (title) { mark.dataset.text = title.textContent; title.remove(); }
  }
}

document.addEventListener("pointerover", (event) => {
  const mark = event.target.closest?.(".marks rect");
  if (mark && textOf(mark)) { hide(); show(mark); } else if (!tip.hidden && !document.activeElement?.closest(".marks")) hide();
});

// In a bar or chart that has the focus, arrow keys go from mark to mark.
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
function marksOf(group) {
  return [...group.querySelectorAll("rect")].filter(textOf);
}

function chosen(group) {
  return marksOf(group).findIndex((mark) => mark.classList.contains("on"));
}

function choose(mark, aloud) {
  hide();
  mark.classList.add("on");
  show(mark, aloud);
}

document.addEventListener("keydown", (event) => {
  const group = event.target.closest?.(".marks");
  if (event.key === "Escape") return hide();
  if (!group || !(event.key in STEPS)) return undefined;
  event.preventDefault();
  const marks = marksOf(group);
  if (!marks.length) return undefined;
  const at = chosen(group);
  const start = at < 0 ? (STEPS[event.key] < 0 ? marks.length : -1) : at;
  return choose(marks[Math.min(Math.max(start + STEPS[event.key], 0), marks.length - 1)], true);
});
document.addEventListener("focusout", hide);

// Times are shown in the reader's own time zone.
function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-done])")) {
    const when = new Date(time.dateTime);
    time.title = when.toLocaleString(document.documentElement.lang);
    time.dataset.done = "";
  }
}

function keep(before, after) {
  for (const open of before.querySelectorAll("details[open][id]")) {
    const same = after.querySelector(`#${CSS.escape(open.id)}`);
    if (same) same.open = true;
  }
}

let failures = 0;
async function update() {
  if (document.hidden) return;
  const main = document.querySelector("main");
  // Nothing is replaced under somebody who is typing.
  if (main.contains(document.activeElement) && document.activeElement.matches("input, select")) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = fresh.querySelector("main");
    if (!next) throw new Error("no page");
    keep(main, next);
    own(next);
    localise(next);
    const focused = main.contains(document.activeElement) ? document.activeElement : null;
    const at = focused?.matches(".marks") ? chosen(focused) : -1;
    const before = main.querySelector("[data-verdict]")?.textContent.trim();
    main.replaceWith(document.adoptNode(next));
    document.title = fresh.title;
    const again = focused?.id && document.getElementById(focused.id);
    if (again) {
      again.focus();
      // Whoever reads a mark goes on reading the same one, as it is now.
      const mark = at < 0 ? undefined : marksOf(again)[at];
      if (mark) choose(mark, false);
    }
    const after = next.querySelector("[data-verdict]")?.textContent.trim();
    if (after && after !== before) spoken.textContent = after;
    failures = 0;
  } catch {
    failures += 1;
  }
  document.querySelector("main").classList.toggle("stale", failures > 1);
  document.getElementById("lost").hidden = failures < 2;
}

own(document);
localise(document);
setInterval(update, Number(document.body.dataset.every));
document.addEventListener("visibilitychange", update);
