import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// One browser, one server: the files run one after another. What hangs is to end; what is slow on a busy machine is not to fail.
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: { include: ['tests/**/*.browser.ts'], testTimeout: 120_000, hookTimeout: 120_000, fileParallelism: false, maxConcurrency: 2 },
});
