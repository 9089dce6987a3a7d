/** Bytes in, lines out (without their end). The last line needs no newline. */
export class TextLineStream implements TransformStream<Uint8Array, string> {
  readonly readable: ReadableStream<string>;
  readonly writable: WritableStream<Uint8Array>;

  constructor() {
    const decoder = new TextDecoder();
    let rest = "";
    const stream = new TransformStream<Uint8Array, string>({
      transform(chunk, controller) {
        const parts = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/);
        rest = parts.pop() ?? "";
        for (const part of parts) controller.enqueue(part);
      },
      flush(controller) {
        if (rest !== "") controller.enqueue(rest);
      },
    });
    this.readable = stream.readable;
    this.writable = stream.writable;
  }
}
