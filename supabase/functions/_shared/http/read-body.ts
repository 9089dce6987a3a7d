import { type Problem, problem } from "../../../../shared/errors.ts";
import { checkSignedBody } from "./call-signature.ts";
import { ProblemError } from "./problem.ts";
import { chunksOf, type Incoming, receiveBody } from "./receive-body.ts";
import { startWork } from "./request-limits.ts";

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
 * The body as text, inflated where `content-encoding` is gzip; then waits for capacity. Never holds
 * more than `limit` bytes of it: what a small body inflates to is counted while it inflates. Throws
 * a `ProblemError` for more, for what does not come in time, for broken gzip and for bytes that are
 * not UTF-8.
 */
export async function readText(request: Request, limit: number): Promise<string> {
  const { body } = request;
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip") {
    throw refusal(`content-encoding ${JSON.stringify(encoding)} is not understood; use gzip`);
  }
  const gzip = encoding === "gzip";
  const text = body === null ? "" : await receiveBody(async (incoming) => {
    const stream = gzip ? body.pipeThrough(new DecompressionStream("gzip")) : body;
    const decoder = new TextDecoder("utf-8", { fatal: true });
    try {
      return await decodeAtMost(stream, limit, decoder, incoming);
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      throw refusal(`the body is not ${gzip ? "gzip of " : ""}UTF-8 text, or was cut off`);
    }
  });
  if (text === null) throw new ProblemError(problem("too_large", `more than ${limit} bytes`));
  checkSignedBody(request, text);
  await startWork();
  return text;
}

/**
 * The body as it was sent, for a signature over it; null when it has more than `limit` bytes, of
 * which no more is read. Capacity is asked for when the signature has been checked.
 */
export async function readSignedText(request: Request, limit: number): Promise<string | null> {
  const { body } = request;
  if (body === null) return "";
  const length = request.headers.get("content-length");
  if (length !== null && !(Number(length) <= limit)) {
    await body.cancel();
    return null;
  }
  return await receiveBody(async (incoming) => {
    try {
      if (length === null) {
        return await decodeAtMost(body, limit, new TextDecoder(), incoming);
      }
      incoming.hold(Number(length));
      // The server reads as many bytes as were announced, at once: faster than piece by piece.
      return await Promise.race([request.text(), incoming.expired]);
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      throw refusal("the body was cut off");
    }
  });
}

/** Hangs up on a body that is not wanted, then waits for capacity. */
export async function ignoreBody(request: Request): Promise<void> {
  await request.body?.cancel();
  await startWork();
}

async function decodeAtMost(
  stream: ReadableStream<Uint8Array>,
  limit: number,
  decoder: TextDecoder,
  incoming: Incoming,
): Promise<string | null> {
  let size = 0;
  let text = "";
  for await (const chunk of chunksOf(stream, incoming)) {
    size += chunk.byteLength;
    if (size > limit) return null;
    incoming.hold(chunk.byteLength);
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
