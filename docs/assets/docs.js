// Programs follow the page's colours, which its reader may choose.
const follow = () => {
  const theme = document.body.dataset.mdColorScheme === "slate" ? "dark" : "light";
  for (const element of document.querySelectorAll("weblayers-run")) element.setAttribute("theme", theme);
};
document.addEventListener("DOMContentLoaded", () => {
  follow();
  new MutationObserver(follow).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
});
