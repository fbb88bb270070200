/** The forum's id as the reader was told it, kept in this browser alone. */

const KEPT = 'chancery.genesis';

export function told(): string {
  try {
    return localStorage.getItem(KEPT) ?? '';
  } catch {
    // Storage may be forbidden: it is then asked for again next time.
    return '';
  }
}

export function remember(genesis: string): void {
  try {
    localStorage.setItem(KEPT, genesis);
  } catch {
    // As above.
  }
}
