import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// Relative base: the node may be mounted under a path by a reverse proxy.
export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { '/api': 'http://127.0.0.1:8600', '/sdmx': 'http://127.0.0.1:8600' } },
  test: { include: ['src/**/*.test.ts'] },
});
