/** As https://jsr.io/@std/toml has it, but that the result is to be checked. */
export declare function parse(toml: string): unknown;
