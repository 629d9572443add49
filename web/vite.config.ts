import { readFileSync } from "node:fs";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** The fonts' licence travels with them. */
const fontLicense: Plugin = {
  name: "font-license",
  generateBundle() {
    const source = readFileSync("node_modules/@fontsource/ibm-plex-sans/LICENSE");
    this.emitFile({ type: "asset", fileName: "fonts-license.txt", source });
  },
};

export default defineConfig({
  plugins: [svelte(), fontLicense],
  build: {
    outDir: "../src/cutaway/lab/static",
    emptyOutDir: true,
    // A font inlined as a data: address would be refused by the page's Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: { proxy: { "/api": "http://127.0.0.1:7007" } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
