// Programs follow the page's colours, which its reader may choose.
const follow = () => {
  const theme = document.body.dataset.mdColorScheme === "slate" ? "dark" : "light";
  for (const element of document.querySelectorAll("weblayers-run")) element.setAttribute("theme", theme);
};
document.addEventListener("DOMContentLoaded", () => {
  follow();
  new MutationObserver(follow).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
  // for those who have no pointer: what scrolls can be focused, and the dialog has a name
  for (const element of document.querySelectorAll("pre > code, .md-typeset table:not([class])")) {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
  }
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
});
