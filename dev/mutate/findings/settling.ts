import type { Planted } from "./planted.ts";

export const SETTLING: readonly Planted[] = [];
