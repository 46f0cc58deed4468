// Bundles src/<name>.ts and src/<name>.css into nbfinetune/widgets/static/, one file per widget.
// `node build.mjs --watch` rebuilds on every change.
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as esbuild from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const KB = 1024;
const LICENSES = "third_party_licenses.txt";
const BUDGET_KB = 50;
/** Bundles that may be larger than the rest, in KB: the charts carry their own Plotly build. */
const LARGER_KB = new Map([["live_charts.js", 1400]]);

const { values: flags } = parseArgs({
  options: {
    outdir: { type: "string", default: join(HERE, "..", "nbfinetune", "widgets", "static") },
    src: { type: "string", default: join(HERE, "src") },
    watch: { type: "boolean", default: false },
  },
});

/** @satisfies {esbuild.BuildOptions} */
const options = {
  entryPoints: readdirSync(flags.src)
    .filter((name) => /\.(ts|css)$/.test(name) && !name.endsWith(".d.ts"))
    .map((name) => join(flags.src, name)),
  outdir: flags.outdir,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: !flags.watch,
  sourcemap: flags.watch ? "inline" : false,
  legalComments: "eof",
  loader: { ".svg": "text" },
  logLevel: "warning",
  metafile: true,
};

/** Sentences about the bundles that are larger than they may be. */
function overweight() {
  return readdirSync(flags.outdir).flatMap((name) => {
    const kb = statSync(join(flags.outdir, name)).size / KB;
    const budget = LARGER_KB.get(basename(name)) ?? BUDGET_KB;
    return kb > budget ? [`${name} has ${kb.toFixed(1)} KB; its budget is ${budget} KB`] : [];
  });
}

/** Puts the licence of every bundled package beside the bundles, as those licences ask. */
function license() {
  const manifest = JSON.parse(readFileSync(join(HERE, "package.json"), "utf8"));
  const texts = Object.keys(manifest.dependencies).map(
    (name) => `${name}\n\n${readFileSync(join(HERE, "node_modules", name, "LICENSE"), "utf8")}`,
  );
  writeFileSync(join(flags.outdir, LICENSES), texts.join("\n"));
}

/** Removes what an earlier build left and this one did not write. */
function sweep(/** @type {esbuild.Metafile} */ metafile) {
  const written = new Set(Object.keys(metafile.outputs).map((path) => basename(path)));
  for (const name of readdirSync(flags.outdir)) {
    if (!written.has(name)) rmSync(join(flags.outdir, name), { recursive: true });
  }
}

if (flags.watch) {
  const context = await esbuild.context(options);
  await context.watch();
} else {
  // esbuild has said by then what it does not like.
  const built = await esbuild.build(options).catch(() => undefined);
  if (built) {
    sweep(built.metafile);
    license();
  }
  const complaints = built ? overweight() : [];
  for (const complaint of complaints) console.error(complaint);
  if (!built || complaints.length > 0) process.exitCode = 1;
}
