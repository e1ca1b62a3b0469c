"use strict";
// Filters that were saved in this browser: a link each, the first nine also by their digit.
(() => {
  const place = document.getElementById("saved");
  if (!place) return;
  const list = place.querySelector("ul");
  const status = place.querySelector("[role=status]");

  function read() {
    try {
      const found = JSON.parse(localStorage.getItem("filters") ?? "[]");
      return Array.isArray(found) ? found.filter((one) => typeof one.name === "string" && typeof one.query === "string") : [];
    } catch {
      return [];
    }
  }

  function write(filters, said) {
    localStorage.setItem("filters", JSON.stringify(filters));
    show();
    status.textContent = said;
  }

  function forget(name) {
    write(read().filter((one) => one.name !== name), `${name} is forgotten`);
    (list.querySelector("button") ?? document.getElementById("q")).focus();
  }

  function item({ name, query }, index) {
    const entry = document.createElement("li");
    const link = document.createElement("a");
    link.className = "button";
    link.href = `/console/?${query}`;
    link.textContent = index < 9 ? `${index + 1} ${name}` : name;
    if (index < 9) link.setAttribute("aria-keyshortcuts", String(index + 1));
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Forget";
    button.setAttribute("aria-label", `Forget ${name}`);
    button.addEventListener("click", () => forget(name));
    entry.append(link, " ", button);
    return entry;
  }

  function show() {
    const filters = read();
    list.replaceChildren(...filters.map(item));
  }

  place.querySelector("form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = event.target.elements.name.value.trim();
    if (!name) return;
    write([...read().filter((one) => one.name !== name), { name, query: place.dataset.query }], `${name} is saved`);
    event.target.reset();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
    if (/^[1-9]$/.test(event.key) && !document.querySelector("dialog[open]")) list.children[event.key - 1]?.querySelector("a").click();
  });
  show();
})();
