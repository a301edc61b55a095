import { defineConfig } from "vite";

// The service's policy allows neither inline scripts nor other origins, and a proxy may add a prefix: hence relative
// URLs, no data: URLs and no inlined preload script.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../core/matshot/service/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: ["chrome115", "firefox115", "safari16.4"],
    license: { fileName: "assets/licenses.md" },
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8765" } },
});
