export function answer(path: string, params: URLSearchParams): unknown;
