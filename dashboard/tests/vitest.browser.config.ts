import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// One browser, one server: the files run one after another.
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: { include: ['tests/**/*.browser.ts'], testTimeout: 30_000, hookTimeout: 60_000, fileParallelism: false },
});
