/** As https://jsr.io/@std/streams has it: text in, lines out, without their ends. */
export declare class TextLineStream extends TransformStream<string, string> {}
