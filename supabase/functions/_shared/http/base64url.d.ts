/**
 * As https://jsr.io/@std/encoding has it: throws where the text is none. The type is that of both
 * Denos: only the newer one says what buffer an array has.
 */
export declare function decodeBase64Url(text: string): ReturnType<typeof Uint8Array.from>;
