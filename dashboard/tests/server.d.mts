export interface FixtureServer {
  url: string;
  state: { mode: 'ok' | 'empty' | 'broken' | 'alarm' };
  close(): void;
}
export function serve(port?: number): Promise<FixtureServer>;
