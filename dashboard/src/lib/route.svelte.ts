/** The state of the page is its URL query, so every view is a link. */

export const VIEWS = ['forum', 'releases', 'figures'] as const;
export type View = (typeof VIEWS)[number];
export type Params = Record<string, string>;

const read = (): Params => Object.fromEntries(new URLSearchParams(location.search));

class Route {
  params: Params = $state.raw(read());

  constructor() {
    addEventListener('popstate', () => (this.params = read()));
  }

  get view(): View {
    return VIEWS.find((view) => view === this.params.view) ?? 'forum';
  }

  /** Goes to another place in the page; Back returns here. */
  go(params: Params): void {
    history.pushState(null, '', href(params));
    this.params = read();
  }

  /** Corrects the current place without leaving a step for Back. */
  correct(params: Params): void {
    history.replaceState(null, '', href(params));
    this.params = read();
  }
}

export const route = new Route();

/** The link to a place. Empty parameters are left out. */
export function href(params: Record<string, string | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value) query.set(name, value);
  return `?${query}`;
}

/** Follows plain clicks on links of the page itself without loading it anew. */
export function followLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const to = link?.getAttribute('href');
  if (!to?.startsWith('?')) return;
  event.preventDefault();
  route.go(Object.fromEntries(new URLSearchParams(to)));
}
