// @ts-types="./std/text-line-stream.d.ts"
import { TextLineStream } from "@std/streams/text-line-stream";

/** The lines of a stream of UTF-8, without their ends. The last line needs no newline. */
export function linesOf(bytes: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<string> {
  return bytes.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
}
