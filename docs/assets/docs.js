// Programs follow the page's colours, which its reader may choose.
const follow = () => {
  const theme = document.body.dataset.mdColorScheme === "slate" ? "dark" : "light";
  for (const element of document.querySelectorAll("weblayers-run")) element.setAttribute("theme", theme);
};
document.addEventListener("DOMContentLoaded", () => {
  follow();
  new MutationObserver(follow).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
});
// For those who have no pointer, what scrolls can be focused; the theme has wrapped its tables by now.
addEventListener("load", () => {
  for (const element of document.querySelectorAll("pre > code, .md-typeset__scrollwrap")) {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
  }
});
