// Bundles what draws charts, with the licences of what is inside: bundle_charts.mjs FILE
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const [path] = process.argv.slice(2);

/** The folders of the packages that an output has anything of. */
function packagesIn(metafile) {
  const [output] = Object.values(metafile.outputs);
  const paths = Object.keys(output.inputs).map((path) => path.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//)?.[1]);
  return [...new Set(paths)].filter(Boolean).sort();
}

/** Each licence once, below those whose it is. */
async function licences(packages) {
  const texts = new Map();
  for (const path of packages) {
    const { name, version } = JSON.parse(await readFile(join(path, "package.json"), "utf8"));
    const file = (await readdir(path)).find((each) => /^licen[cs]e/i.test(each));
    if (!file) throw new Error(`${name} has no file with its licence`);
    const paragraphs = (await readFile(join(path, file), "utf8")).trim().split(/\n\s*\n/);
    const holders = paragraphs.filter((each) => /^copyright/i.test(each)).map((each) => each.replace(/\s+/g, " "));
    const text = paragraphs.filter((each) => !/^(copyright|(the )?(mit|isc) license)/i.test(each)).join("\n\n");
    const key = text.replace(/\W+/g, " ").trim().toLowerCase();
    if (!texts.has(key)) texts.set(key, { text, owners: [] });
    texts.get(key).owners.push([`${name} ${version}`, ...holders].join(": "));
  }
  return [...texts.values()].map(({ text, owners }) => `${owners.join("\n")}\n\n${text}`).join("\n\n");
}

/** Pages and frames may be read in another encoding. */
const asAscii = (text) =>
  text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

const { outputFiles, metafile } = await build({
  entryPoints: ["js_page/charts/index.js"],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  loader: { ".css": "text" },
  legalComments: "none",
  metafile: true,
  write: false,
});
const notice = `/*!\nIn here, besides weblayers:\n\n${await licences(packagesIn(metafile))}\n*/\n`;
await mkdir(dirname(path), { recursive: true });
await writeFile(path, asAscii(notice + outputFiles[0].text));
