import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

export default {
  preprocess: vitePreprocess(),
  compilerOptions: {
    // Table roles are written out because `display: block` on narrow screens makes some browsers forget them.
    warningFilter: ({ code }) => code !== 'a11y_no_redundant_roles',
  },
};
