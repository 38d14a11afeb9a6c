/* Small and stateless: everything hangs on document by delegation, so that swapped-in markup works without set-up.
   The pages work without this file; it only makes them quicker. */
(function () {
  "use strict";
  const THEME_KEY = "portwarden-theme";
  const COPIED_MS = 1500;
  const TOAST_MS = 6000;
  const openers = new WeakMap();
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));

  /* theme */
  function themeShow() {
    const current = document.documentElement.dataset.theme || "system";
    all("[data-theme-choice]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.themeChoice === current)));
  }
  function themeChoose(choice) {
    if (choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    try {
      if (choice === "system") localStorage.removeItem(THEME_KEY);
      else localStorage.setItem(THEME_KEY, choice);
    } catch (error) {
      /* The choice then lasts for this page only. */
    }
    themeShow();
  }

  /* copy */
  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch (error) {
      toast("The browser did not allow copying. Select the text and copy it by hand.", "warning");
      return;
    }
    const label = button.querySelector("[data-copy-label]");
    const before = label && label.textContent;
    if (label) label.textContent = "Copied";
    button.dataset.copied = "";
    announce("Copied");
    setTimeout(() => {
      delete button.dataset.copied;
      if (label) label.textContent = before;
    }, COPIED_MS);
  }
  function announce(text) {
    const region = document.getElementById("announcer");
    if (region) region.textContent = text;
  }

  /* toasts */
  function toast(message, level) {
    const template = document.getElementById("toast-template");
    const region = document.getElementById("toasts");
    if (!template || !region || !message) return;
    const node = template.content.firstElementChild.cloneNode(true);
    node.classList.add("toast-" + (level || "info"));
    if (level === "error") node.setAttribute("role", "alert");
    node.querySelector("p").textContent = message;
    region.append(node);
    toastExpire(node);
  }
  /* Warnings and errors stay until they are dismissed; the rest leaves, but not under the pointer or the focus. */
  function toastExpire(node) {
    if (node.matches(".toast-error, .toast-warning")) return;
    setTimeout(() => (node.matches(":hover, :focus-within") ? toastExpire(node) : node.remove()), TOAST_MS);
  }

  /* dialogs */
  /* The focus returns to the opener; where that is an entry of a menu, to the menu's button, for the menu closes. */
  function dialogOpen(dialog, opener) {
    if (dialog.open) return;
    const from = opener || document.activeElement;
    const menu = from && from.closest("details.menu");
    openers.set(dialog, menu ? menu.querySelector("summary") : from);
    menusClose();
    dialog.showModal();
  }
  function dialogOfSwap(target) {
    const dialog = target && target.closest && target.closest("dialog#dialog, dialog#drawer");
    if (!dialog) return;
    if (target.childElementCount) dialogOpen(dialog);
    else dialog.close();
  }

  /* menus */
  function menusClose(except) {
    all("details.menu[open]").forEach((menu) => {
      if (menu !== except && !(except && menu.contains(except))) menu.open = false;
    });
  }
  /* A row's menu is taken out of its scrolling table and kept inside the window. */
  function menuPlace(menu) {
    const body = menu.querySelector(":scope > .menu-body");
    if (!body || !menu.matches(".row-menu")) return;
    const anchor = menu.getBoundingClientRect();
    body.style.position = "fixed";
    body.style.right = window.innerWidth - anchor.right + "px";
    const below = anchor.bottom + 4;
    const fits = below + body.offsetHeight < window.innerHeight - 8;
    body.style.top = (fits ? below : Math.max(8, anchor.top - 4 - body.offsetHeight)) + "px";
  }

  /* tick boxes */
  function bulkShow(form) {
    const boxes = all('input[type="checkbox"][form="' + form.id + '"]:not(:disabled)');
    const ticked = boxes.filter((box) => box.checked).length;
    form.toggleAttribute("data-active", ticked > 0);
    const count = form.querySelector("[data-bulk-count]");
    if (count) count.textContent = ticked === 1 ? "1 row ticked" : ticked + " rows ticked";
    all('[data-select-all="' + form.id + '"]').forEach((box) => {
      box.checked = ticked > 0 && ticked === boxes.length;
      box.indeterminate = ticked > 0 && ticked < boxes.length;
    });
  }

  function enliven() {
    themeShow();
    all("form[data-bulk]").forEach(bulkShow);
  }

  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    const opener = hit("[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog && !event.metaKey && !event.ctrlKey) {
      event.preventDefault();
      dialogOpen(dialog, opener);
      return;
    }
    const closer = hit("[data-close]");
    if (closer && closer.closest("dialog")) {
      event.preventDefault();
      closer.closest("dialog").close();
      return;
    }
    if (event.target instanceof HTMLDialogElement) {
      /* The dialog's own box is covered by its content: a click on the element itself is one on the backdrop. */
      const box = event.target.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
      if (!inside && event.detail) event.target.close();
    }
    if (hit("[data-copy]")) copy(hit("[data-copy]"));
    if (hit("[data-dismiss]")) hit("[data-toast]").remove();
    if (hit("[data-theme-choice]")) themeChoose(hit("[data-theme-choice]").dataset.themeChoice);
    menusClose(hit("details.menu"));
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details.menu[open]");
    if (menu) {
      const within = menu.contains(document.activeElement);
      menu.open = false;
      if (within) menu.querySelector("summary").focus();
    } else if (document.activeElement && document.activeElement.matches(".tooltip-trigger")) {
      document.activeElement.blur();
    }
  });

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.matches && box.matches("[data-select-all]")) {
      all('input[type="checkbox"][form="' + box.dataset.selectAll + '"]:not(:disabled)').forEach((row) => (row.checked = box.checked));
      const form = document.getElementById(box.dataset.selectAll);
      if (form) bulkShow(form);
    } else if (box.form && box.form.matches("form[data-bulk]")) {
      bulkShow(box.form);
    }
  });

  /* toggle and close do not bubble: catch them on the way down. */
  document.addEventListener("toggle", (event) => event.target.open && event.target.matches("details.menu") && menuPlace(event.target), true);
  document.addEventListener("scroll", () => all("details.row-menu[open]").forEach((menu) => (menu.open = false)), { capture: true, passive: true });
  document.addEventListener(
    "close",
    (event) => {
      const opener = openers.get(event.target);
      if (opener && opener.isConnected) opener.focus();
      if (event.target.matches("#dialog, #drawer")) event.target.replaceChildren();
    },
    true,
  );

  /* htmx */
  let reopen = [];
  let focused = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    if (!target || !target.querySelectorAll) return;
    reopen = all("details[id][open]", target).map((menu) => menu.id);
    const active = document.activeElement;
    focused = active && active !== target && target.contains(active) ? { id: active.id, href: active.getAttribute("href") } : null;
  });
  /* htmx keeps the focus of what has an id; a link that was followed has a new address now (a sort, a page),
     so the focus goes to the nearest fixed point: the sorted column, else the list itself. */
  function focusReturn(target) {
    if (!focused || document.activeElement !== document.body) return;
    const list = target && target.id && document.getElementById(target.id);
    const next =
      (focused.id && document.getElementById(focused.id)) ||
      (focused.href && all("a[href]", list || document).find((link) => link.getAttribute("href") === focused.href)) ||
      (list && (list.querySelector("th[aria-sort] a") || list));
    if (!next) return;
    if (next === list) list.tabIndex = -1;
    next.focus({ preventScroll: true });
  }
  document.addEventListener("htmx:afterSettle", (event) => {
    reopen.forEach((id) => {
      const menu = document.getElementById(id);
      if (menu) menu.open = true;
    });
    focusReturn(event.detail.target);
    reopen = [];
    focused = null;
    dialogOfSwap(event.detail.target);
    enliven();
  });
  document.addEventListener("toast", (event) => toast(event.detail.message || event.detail.value, event.detail.level));
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    const words = {
      403: "Your role does not allow this, or the page is too old. Reload it and try again.",
      404: "This is no longer there. Reload the page.",
      429: "Too many requests. Wait a moment and try again.",
    };
    toast(words[status] || "The portal answered with an error (" + status + "). Nothing was changed on this page.", "error");
  });
  document.addEventListener("htmx:sendError", () => toast("The portal did not answer. Check the connection and try again.", "error"));

  document.addEventListener("DOMContentLoaded", () => {
    enliven();
    all("[data-toast]").forEach(toastExpire);
  });
})();
