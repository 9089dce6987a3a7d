import type { Planted } from "./planted.ts";

export const DEFENCE: readonly Planted[] = [];
