/* Runs before the first paint: marks that scripts work and applies the stored theme, so that nothing flashes. */
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("js");
  try {
    var theme = localStorage.getItem("portwarden-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch (error) {
    /* Storage is closed to us: the system's theme stays. */
  }
})();
