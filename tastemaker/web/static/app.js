// Keys, and what htmx does not do by itself. Every page reads and its main forms work without this file.

const typing = (event) => event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
const go = (selector) => document.querySelector(selector);

// n: a new search; / or s: the page's search field; esc: close the panel.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return go("[data-close]")?.click();
  if (typing(event)) return;
  const target = go(`[data-key="${CSS.escape(event.key === "s" ? "/" : event.key)}"]`);
  if (!target || target.disabled) return;
  event.preventDefault();
  if (target.matches("input:not([type=checkbox]), textarea")) target.focus();
  else target.click();
});

// A form is sent once: a second click while it is on its way does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) return event.preventDefault();
  if (form.method !== "post" || form.matches("[hx-post]")) return;
  form.dataset.sent = "true";
  setTimeout(() => delete form.dataset.sent, 3000);  // a download leaves the page as it is
});
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

// Where the server cannot be reached, the page says so and stays as it is.
document.addEventListener("htmx:sendError", () => {
  const notice = document.createElement("div");
  notice.className = "notice wrong";
  notice.append(Object.assign(document.createElement("p"), { textContent: "The server cannot be reached. What you see is kept; try again in a moment." }));
  go("#notice").replaceChildren(notice);
});

// A text that is shown once can be copied. Without this file it is selected by a click.
document.querySelectorAll("[data-copy]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
});

// --- what changes by itself: the server sends parts of the page, each replaces the one with its id ---
const announced = Object.assign(document.createElement("div"), { className: "sr" });
announced.setAttribute("role", "status");
document.body.append(announced);

// Tells the page of new creators, at most once in about a second, and of the last ones in any case.
let waiting = 0;
let missed = false;
const found = () => {
  missed = Boolean(waiting);
  if (waiting) return;
  htmx.trigger(document.body, "found");
  waiting = setTimeout(() => { waiting = 0; if (missed) found(); }, 1100);
};

const watch = (place) => {
  const source = new EventSource(place.dataset.events);
  let over = false;
  const ifThere = (act) => (event) => (place.isConnected || over ? act(event) : source.close());
  source.addEventListener("swap", ifThere((event) => {
    const part = new DOMParser().parseFromString(event.data, "text/html").body.firstElementChild;
    const old = part && document.getElementById(part.id);
    if (old) old.replaceWith(document.adoptNode(part));
  }));
  source.addEventListener("found", ifThere(found));
  source.addEventListener("end", ifThere(async () => {
    over = true;
    found();
    if (!place.dataset.end) return;
    const hadFocus = place.contains(document.activeElement);
    await htmx.ajax("GET", place.dataset.end, { target: place, swap: "outerHTML" });
    announced.textContent = go(`#${place.id} .state`)?.textContent ?? "";
    if (hadFocus) go(`#${place.id} a`)?.focus();
  }));
  source.addEventListener("error", ifThere(() => {
    if (over) source.close();
    else if (source.readyState === EventSource.CLOSED) setTimeout(() => place.isConnected && watch(place), 3000);
  }));
  addEventListener("pagehide", () => source.close(), { once: true });
};

// --- keywords as chips: the text field below them is what the form sends ---
const chips = (place) => {
  const text = place.querySelector("textarea");
  const box = Object.assign(document.createElement("div"), { className: "keywords" });
  const input = Object.assign(document.createElement("input"), { id: text.id, type: "text", autocomplete: "off", dir: "auto", placeholder: text.placeholder });
  for (const name of ["aria-describedby", "aria-invalid"]) if (text.hasAttribute(name)) input.setAttribute(name, text.getAttribute(name));
  let words = [];
  const say = () => {
    text.value = words.join("\n");
    input.required = !words.length;
    text.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const draw = () => {
    box.querySelectorAll(".chip").forEach((chip) => chip.remove());
    words.forEach((word, at) => {
      const chip = Object.assign(document.createElement("span"), { className: "chip on" });
      const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
      remove.setAttribute("aria-label", `Remove ${word}`);
      remove.addEventListener("click", () => { words.splice(at, 1); draw(); say(); input.focus(); });
      chip.append(Object.assign(document.createElement("span"), { textContent: word, dir: "auto" }), remove);
      input.before(chip);
    });
    input.required = !words.length;
  };
  const split = (given) => {
    const known = new Set(words.map((word) => word.toLowerCase()));
    const parts = given.split(/[,;\r\n\u060c\u3001\uff0c]+/).map((word) => word.trim());
    return parts.filter((word) => word && !known.has(word.toLowerCase()) && known.add(word.toLowerCase()));
  };
  const add = (given) => {
    const fresh = split(given);
    input.value = "";
    if (!fresh.length) return;
    words = words.concat(fresh);
    draw();
    say();
  };
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && input.value.trim()) { event.preventDefault(); add(input.value); }
    else if (event.key === "," || event.key === ";") { event.preventDefault(); add(input.value); }
    else if (event.key === "Backspace" && !input.value && words.length) { words.pop(); draw(); say(); }
  });
  input.addEventListener("paste", (event) => {
    const pasted = event.clipboardData.getData("text");
    if (/[,;\r\n]/.test(pasted)) { event.preventDefault(); add(input.value + pasted); }
  });
  input.addEventListener("input", (event) => { event.stopPropagation(); if (/[,;\n]/.test(input.value)) add(input.value); });
  input.addEventListener("change", (event) => { event.stopPropagation(); add(input.value); });
  box.addEventListener("click", (event) => event.target === box && input.focus());
  text.form.addEventListener("submit", () => add(input.value), { capture: true });
  box.append(input);
  text.before(box);
  text.removeAttribute("id");
  Object.assign(text, { hidden: true, required: false });
  words = split(text.value);
  draw();
};

document.addEventListener("htmx:load", ({ detail }) => {
  const within = (selector) => [...(detail.elt.matches(selector) ? [detail.elt] : []), ...detail.elt.querySelectorAll(selector)];
  within("[data-events]").forEach(watch);
  within("[data-chips]").forEach(chips);
});
// --- results: rows by keys, selection, the panel ---

const rows = () => [...document.querySelectorAll("[data-row]")];
const current = () => go("[data-row][aria-current=true]");

function moveTo(row) {
  if (!row) return;
  current()?.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
  row.scrollIntoView({ block: "nearest" });
  row.querySelector(".c-who a").focus({ preventScroll: true });
  if (!go("#panel").hidden) row.querySelector(".c-who a").click();
}

function tell() {
  const ticked = document.querySelectorAll("[data-row] :checked").length;
  const total = go("[data-selected]");
  if (total) total.textContent = `${ticked} selected`;
}

document.addEventListener("keydown", (event) => {
  if (typing(event) || event.ctrlKey || event.metaKey || event.altKey || !rows().length) return;
  const at = rows().indexOf(current());
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    moveTo(rows()[at < 0 ? 0 : at + (event.key === "ArrowDown" ? 1 : -1)]);
  } else if (event.key === "x" && at >= 0) {
    const box = rows()[at].querySelector("[type=checkbox]");
    box.checked = !box.checked;
    tell();
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-select-page]")) {
    document.querySelectorAll("[data-row] [type=checkbox]").forEach((box) => { box.checked = event.target.checked; });
  }
  if (event.target.closest("#selection")) tell();
});

// A click outside closes an open menu; the panel closes in place where it was opened in place.
document.addEventListener("click", (event) => {
  document.querySelectorAll(".menu[open]").forEach((menu) => menu.contains(event.target) || menu.removeAttribute("open"));
  const link = event.target.closest("[data-close]");
  if (!link || !go("#results")) return;
  event.preventDefault();
  document.body.classList.remove("with-panel");
  go("#panel").replaceWith(Object.assign(document.createElement("div"), { id: "panel", hidden: true }));
  history.pushState({}, "", link.href);
  current()?.querySelector(".c-who a").focus({ preventScroll: true });
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "panel") return;
  const row = event.detail.requestConfig?.elt.closest("[data-row]");
  if (!row) return;
  current()?.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
  history.pushState({}, "", event.detail.requestConfig.path);
});
addEventListener("popstate", () => location.reload());

document.addEventListener("htmx:load", ({ detail }) => {
  detail.elt.querySelectorAll("[data-select-page]").forEach((box) => { box.hidden = false; });
});

// New creators of a running search come in where nobody is in the middle of something.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (!event.detail.elt.matches("[data-refresh]")) return;
  const busy = go("[data-row] :checked") || go(".menu[open]") || scrollY > 300 || go(".find input") === document.activeElement;
  if (busy) event.preventDefault();
});
