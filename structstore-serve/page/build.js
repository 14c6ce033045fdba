// Builds dist/: the widget, which has all code, the page, which imports it, and the licenses of what is in it.
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

await mkdir("dist", { recursive: true });
for (const name of await readdir("dist")) if (name !== ".gitignore") await rm(join("dist", name));
const { metafile } = await build({
  entryPoints: ["src/page.ts", "src/page.css", "src/widget.ts"],
  outdir: "dist",
  bundle: true,
  minify: true,
  metafile: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  loader: { ".min.css": "text" },
  external: ["./widget.js"],
});
await copyFile("src/index.html", "dist/index.html");

const packages = new Set();
for (const input of Object.keys(metafile.inputs)) {
  const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
  if (found) packages.add(found[1]);
}
const licenses = [...packages].sort().map(async (name) => {
  const folder = join("node_modules", name);
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} has no license`);
  return `${name}\n\n${await readFile(join(folder, file), "utf8")}`;
});
await writeFile("dist/licenses.txt", (await Promise.all(licenses)).join("\n\n"));
