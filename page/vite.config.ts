import { defineConfig } from "vite";

// The service sends the page under a policy that allows nothing inline and nothing from elsewhere, and perhaps
// below a proxy's prefix: hence relative addresses, no data: files and no inlined preload script.
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
