/** As https://jsr.io/@std/encoding has it: throws where the text is none. */
export declare function decodeBase64Url(text: string): Uint8Array<ArrayBuffer>;
