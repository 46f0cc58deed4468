// Runs tests/**/*.test.ts in Node: bundled by esbuild first, since Node 20 reads no TypeScript.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const TESTS = join(dirname(fileURLToPath(import.meta.url)), "tests");
const entryPoints = existsSync(TESTS)
  ? readdirSync(TESTS, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".test.ts"))
      .map((name) => join(TESTS, name))
  : [];

if (entryPoints.length === 0) {
  console.log("no front-end tests");
} else {
  const outdir = mkdtempSync(join(tmpdir(), "nbfinetune-js-"));
  try {
    const outExtension = { ".js": ".mjs" };
    await esbuild.build({
      entryPoints, outdir, outExtension,
      outbase: TESTS, bundle: true, format: "esm", platform: "node", sourcemap: "inline",
    });
    const built = entryPoints.map((path) => join(outdir, path.slice(TESTS.length).replace(/ts$/, "mjs")));
    const { status } = spawnSync(
      process.execPath, ["--enable-source-maps", "--test", ...built], { stdio: "inherit" },
    );
    process.exitCode = status ?? 1;
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
