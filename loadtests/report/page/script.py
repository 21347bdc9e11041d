"""The page's own script: exact values of charts for mouse, touch and keyboard. Without it, tooltips show them.

Each chart has invisible columns (`svg.Frame.hits`) with a <title>. A chart takes the focus; arrow keys, Home and End
move through its columns, Escape hides the values. Screen readers hear them from a live region.
"""

from __future__ import annotations

import base64
import hashlib

SCRIPT = """
for (const figure of document.querySelectorAll("figure")) {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-live", "polite");
  const names = [...figure.querySelectorAll(".legend li")];
  for (const chart of figure.querySelectorAll("svg")) {
    const hits = [...chart.querySelectorAll(".hit")];
    if (!hits.length) continue;
    const texts = hits.map(hit => {
      const title = hit.querySelector("title"), text = title.textContent;
      title.remove();
      return text;
    });
    let at = -1;
    const hide = () => { tip.hidden = true; hits[at]?.classList.remove("on"); at = -1; };
    const show = next => {
      hits[at]?.classList.remove("on");
      at = Math.max(0, Math.min(hits.length - 1, next));
      hits[at].classList.add("on");
      tip.replaceChildren(...texts[at].split("\\n").map((line, k) => {
        const row = document.createElement(k ? "div" : "b");
        row.textContent = line;
        const name = k && names.find(each => line.startsWith(each.dataset.name));
        if (name) row.className = name.className;
        return row;
      }));
      tip.hidden = false;
      const box = figure.getBoundingClientRect(), hit = hits[at].getBoundingClientRect();
      const space = box.width - tip.offsetWidth - 4, middle = hit.left + hit.width / 2 - box.left;
      const left = middle < box.width / 2 ? middle + 12 : middle - 12 - tip.offsetWidth;
      tip.style.left = Math.max(4, Math.min(space, left)) + "px";
      // Beside a column, and below a row.
      tip.style.top = (hit.width > box.width / 2 ? hit.bottom + 4 : hit.top + 8) - box.top + "px";
    };
    chart.tabIndex = 0;
    chart.setAttribute("role", "application");
    chart.setAttribute("aria-roledescription", document.documentElement.lang === "zh" ? "图表" : "chart");
    hits.forEach((hit, k) => hit.addEventListener("pointerenter", () => show(k)));
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("blur", hide);
    chart.addEventListener("keydown", event => {
      const next = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0,
        End: hits.length - 1 }[event.key];
      if (event.key === "Escape") hide();
      if (next === undefined) return;
      event.preventDefault();
      show(at < 0 && event.key === "ArrowLeft" ? hits.length - 1 : next);
    });
  }
  figure.append(tip);
}
"""
# The page's policy allows this script and no other.
HASH = f"sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}"
