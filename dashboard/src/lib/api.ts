/** The one place that talks to the node. Paths are relative, so the page works under any mount point. */
import type { Bundle } from './verify';
import type { Dataflow, DataflowDetail, Figures, Forum, Metadata, NodeInfo, Release, ReleaseDetail } from './types';

/** A refusal or a failure, with the node's own words where it gave any. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

const BASE = 'api/v1/';

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(BASE + path, { headers: { accept: 'application/json' }, ...(signal ? { signal } : {}) });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, 'unreachable', '');
  }
  // 410 comes with what is left to say of a release that was withdrawn.
  if (!response.ok && response.status !== 410) throw await refusal(response);
  try {
    return (await response.json()) as T;
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(response.status, 'not_json', '');
  }
}

async function refusal(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as { error?: { code?: string; message?: string } };
    return new ApiError(response.status, error?.code ?? 'unknown', error?.message ?? '');
  } catch {
    return new ApiError(response.status, 'not_json', '');
  }
}

const segment = encodeURIComponent;

export const node = (signal?: AbortSignal) => get<NodeInfo>('node', signal);
export const forum = (signal?: AbortSignal) => get<Forum>('forum', signal);
export const dataflows = (signal?: AbortSignal) => get<Dataflow[]>('dataflows', signal);
export const dataflow = (id: string, signal?: AbortSignal) => get<DataflowDetail>(`dataflows/${segment(id)}`, signal);

export interface ReleaseFilter {
  dataflow?: string;
  member?: string;
  state?: 'current' | 'all';
}

export async function releases(filter: ReleaseFilter, signal?: AbortSignal): Promise<Release[]> {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value) params.set(name, value);
  const query = params.toString();
  return (await get<{ releases: Release[] }>(query ? `releases?${query}` : 'releases', signal)).releases;
}

export const release = (id: string, signal?: AbortSignal) => get<ReleaseDetail>(`releases/${segment(id)}`, signal);

/** Everything that proves a release, to be checked here. */
export const proof = (id: string, signal?: AbortSignal) => get<Bundle>(`releases/${segment(id)}/proof`, signal);

/** A file's bytes as they come. */
export async function file(url: string, signal?: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const response = await fetch(url, signal ? { signal } : {});
  if (!response.ok || !response.body) throw await refusal(response);
  return response.body;
}

/** Where the offline proof of a release is downloaded. */
export const proofUrl = (id: string) => `${BASE}releases/${segment(id)}/proof`;
/** Where the release is read as JSON, with its disclosure report. */
export const releaseUrl = (id: string) => `${BASE}releases/${segment(id)}`;

/** What members say of their figures of a dataflow, in force now. */
export async function metadata(dataflow: string, signal?: AbortSignal): Promise<Metadata[]> {
  return (await get<{ metadata: Metadata[] }>(`metadata?dataflow=${segment(dataflow)}`, signal)).metadata;
}
/** Where the signed record of what a member says is read. */
export const metadataUrl = (id: string) => `${BASE}metadata/${segment(id)}`;

export interface FiguresFilter {
  dataflow: string;
  /** Dimension id → code. */
  key: Record<string, string>;
  /** RFC 3339 time: only what was published by then. */
  asOf?: string | undefined;
}

export function figures(filter: FiguresFilter, signal?: AbortSignal): Promise<Figures> {
  const params = new URLSearchParams({ dataflow: filter.dataflow, ...filter.key });
  if (filter.asOf) params.set('asOf', filter.asOf);
  return get<Figures>(`figures?${params}`, signal);
}
