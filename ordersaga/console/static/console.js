"use strict";
// The theme's button, keys, and what htmx is told. Nothing here knows what a page is about.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function dark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  }

  function showTheme() {
    const button = document.getElementById("theme");
    if (button) button.textContent = dark() ? "Use light colors" : "Use dark colors";
  }

  function turnTheme() {
    root.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    showTheme();
    document.dispatchEvent(new Event("themechange"));
  }

  function typing(target) {
    return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
  }

  let going = 0;

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const help = document.getElementById("help");
    if (help?.open) return;
    if (event.key === "/") {
      event.preventDefault();
      const search = document.querySelector("main input[type=search]") ?? document.getElementById("search");
      search?.focus();
    } else if (event.key === "?") {
      help?.showModal();
    } else if (event.key === "g") {
      going = event.timeStamp;
      return;
    } else if (going && event.timeStamp - going < 2000) {
      document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`)?.click();
    }
    going = 0;
  }

  showTheme();
  system.addEventListener("change", showTheme);
  document.addEventListener("keydown", pressed);
  document.getElementById("theme")?.addEventListener("click", turnTheme);
  document.getElementById("help-open")?.addEventListener("click", () => document.getElementById("help").showModal());
  // What is live is put in place of what was there only if it differs: nothing flickers, is lost or is read out again.
  const shown = new Map();
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const { requestConfig, serverResponse, xhr } = event.detail;
    if (requestConfig?.headers?.["X-Live"] !== "1" || xhr.status !== 200) return;
    if (shown.get(requestConfig.path) === serverResponse) event.detail.shouldSwap = false;
    shown.set(requestConfig.path, serverResponse);
  });
  // A drawing that was scrolled stays where it was when it is drawn anew.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const places = [...event.detail.target.querySelectorAll("[data-scrolls]")].map((each) => [each.id, each.scrollLeft]);
    event.detail.target.addEventListener("htmx:afterSwap", () => {
      for (const [id, left] of places) document.getElementById(id)?.scrollTo({ left });
    }, { once: true });
  });
  // A notice of an earlier request goes when the next one succeeds.
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.detail.requestConfig.verb !== "get") {
      document.getElementById("notice").replaceChildren();
    }
  });
})();
