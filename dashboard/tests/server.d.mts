export interface FixtureServer {
  url: string;
  state: { mode: 'ok' | 'empty' | 'broken' };
  close(): void;
}
export function serve(port?: number): Promise<FixtureServer>;
