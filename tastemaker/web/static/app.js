// Keys, and what htmx does not do by itself. Every page reads and its main forms work without this file.

const typing = (event) => event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
const go = (selector) => document.querySelector(selector);

// n: a new search; /: the page's search field; esc: close the panel.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return go("[data-close]")?.click();
  if (typing(event)) return;
  const target = go(`[data-key="${CSS.escape(event.key)}"]`);
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
