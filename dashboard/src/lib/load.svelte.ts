/** A value fetched from the node, with the states a reader must be told of. */

export type Loaded<T> =
  | { state: 'loading'; value: T | null }
  | { state: 'ready'; value: T }
  | { state: 'failed'; error: unknown };

export class Loader<T> {
  now: Loaded<T> = $state.raw({ state: 'loading', value: null });
  #attempt = $state(0);
  #refresh = false;

  /**
   * Call while a component is set up. `fetch` runs again whenever what it reads changes; an answer that was overtaken
   * is dropped. Null means that there is nothing to ask for yet.
   */
  constructor(fetch: (signal: AbortSignal) => Promise<T> | null) {
    $effect(() => {
      void this.#attempt;
      const abort = new AbortController();
      const asked = fetch(abort.signal);
      const quiet = this.#refresh;
      this.#refresh = false;
      if (!quiet) this.now = { state: 'loading', value: this.#previous };
      asked?.then(
        (value) => {
          if (!abort.signal.aborted) {
            this.#previous = value;
            this.now = { state: 'ready', value };
          }
        },
        (error: unknown) => {
          if (!abort.signal.aborted) this.now = { state: 'failed', error };
        },
      );
      return () => abort.abort();
    });
  }

  #previous: T | null = null;

  get value(): T | null {
    return this.now.state === 'failed' ? null : this.now.value;
  }

  again(): void {
    this.#attempt += 1;
  }

  /** Asks anew and keeps what is shown until the answer is there. */
  refresh(): void {
    this.#refresh = true;
    this.#attempt += 1;
  }
}
