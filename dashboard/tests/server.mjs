/** A test-only stand-in for a node: serves dist/ under the node's security policy, and the made-up answers of fixtures.mjs. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { alarmed, answer, recordedFile } from './fixtures.mjs';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
/** Stricter than the node's own: what works here works there. */
const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/** Starts on `port` (0: any). `mode` may be set to `ok`, `empty`, `broken` or `alarm` while it runs. */
export async function serve(port = 0) {
  const state = { mode: 'ok' };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const json = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (url.pathname.startsWith('/api/v1/')) {
      const path = url.pathname.slice('/api/v1/'.length);
      if (state.mode === 'broken') return json(500, { error: { code: 'internal', message: 'the database is locked' } });
      if (state.mode === 'alarm' && path === 'forum') return json(200, alarmed());
      if (state.mode === 'empty' && path === 'releases') return json(200, { releases: [] });
      if (state.mode === 'empty' && path === 'dataflows') return json(200, []);
      const body = answer(path, url.searchParams);
      return body ? json(200, body) : json(404, { error: { code: 'not_found', message: `no such thing as \`${path}\`` } });
    }
    if (url.pathname.startsWith('/sdmx/3/')) {
      response.writeHead(200, { 'content-type': 'application/vnd.sdmx.data+csv; version=2.0.0' });
      return response.end('STRUCTURE,STRUCTURE_ID,ACTION\n');
    }
    const artefact = recordedFile(url.pathname);
    if (artefact) {
      response.writeHead(200, { 'content-type': 'application/vnd.apache.parquet' });
      return response.end(artefact);
    }
    try {
      const file = normalize(url.pathname === '/' ? '/index.html' : url.pathname);
      const body = await readFile(join(DIST, file));
      response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-security-policy': POLICY });
      response.end(body);
    } catch {
      json(404, { error: { code: 'not_found', message: 'no such file' } });
    }
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, state, close: () => server.close() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve(Number(process.argv[2] ?? 8690));
  console.log(`test fixtures, not real figures: ${url}`);
}
