import { type Problem, problem } from "../../../../shared/errors.ts";
import { ProblemError } from "./problem.ts";

/** Bytes of a body that asks one thing. */
const SMALL = 10_000;

/** Levels of a body at most: what reads it later may recurse. */
const DEEPEST = 100;

/** JSON of a body that asks one thing, `{}` where there is none; or the problem that it is. */
export async function readQuestion(
  request: Request,
): Promise<{ readonly value: unknown } | { readonly problem: Problem }> {
  try {
    return { value: parseShallow(await readText(request, SMALL)) };
  } catch (error) {
    if (error instanceof ProblemError) return { problem: error.problem };
    throw error;
  }
}

/**
 * The body as text, inflated where `content-encoding` is gzip. Never holds more than `limit` bytes
 * of it: what a small body inflates to is counted while it inflates. Throws a `ProblemError` for
 * more, for broken gzip and for bytes that are not UTF-8.
 */
export async function readText(request: Request, limit: number): Promise<string> {
  if (request.body === null) return "";
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip") {
    throw refusal(`content-encoding ${JSON.stringify(encoding)} is not understood; use gzip`);
  }
  const gzip = encoding === "gzip";
  const stream = gzip ? request.body.pipeThrough(new DecompressionStream("gzip")) : request.body;
  let text: string | null;
  try {
    text = await decodeAtMost(stream, limit, new TextDecoder("utf-8", { fatal: true }));
  } catch {
    throw refusal(gzip ? "the body is not gzip of UTF-8 text" : "the body is not UTF-8 text");
  }
  if (text === null) throw new ProblemError(problem("too_large", `more than ${limit} bytes`));
  return text;
}

/**
 * The body as it was sent, for a signature over it; null when it has more than `limit` bytes, of
 * which no more is read.
 */
export async function readSignedText(request: Request, limit: number): Promise<string | null> {
  const length = request.headers.get("content-length");
  if (length === null) return await decodeAtMost(request.body ?? [], limit, new TextDecoder());
  // The server reads as many bytes as were announced, at once: faster than piece by piece.
  if (Number(length) <= limit) return await request.text();
  await request.body?.cancel();
  return null;
}

async function decodeAtMost(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limit: number,
  decoder: TextDecoder,
): Promise<string | null> {
  let size = 0;
  let text = "";
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    if (size > limit) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** JSON of a body; an empty one is `{}`. Throws a `ProblemError` where it is not JSON. */
export function parseJson(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    throw refusal("the body is not JSON");
  }
}

/** The same, and a `ProblemError` where what walks the value would run out of stack. */
export function parseShallow(text: string): unknown {
  const value = parseJson(text);
  if (isDeep(value)) throw refusal(`the body is nested more than ${DEEPEST} levels deep`);
  return value;
}

/** Whether a value of JSON is nested too deeply. Walks level by level: depth costs no stack. */
export function isDeep(value: unknown): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > DEEPEST) return true;
    level = level.flatMap((entry) => Object.values(entry).filter(isContainer));
  }
  return false;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function refusal(detail: string): ProblemError {
  return new ProblemError(problem("bad_request", detail));
}
