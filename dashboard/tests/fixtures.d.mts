export function answer(path: string, params: URLSearchParams): unknown;
export function recordedFile(path: string): Uint8Array | null;
export const RECORDED: string[];
