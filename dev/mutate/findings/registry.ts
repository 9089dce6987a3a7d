import { DEFENCE } from "./defence.ts";
import { PAPER } from "./paper.ts";
import type { Planted } from "./planted.ts";
import { SETTLING } from "./settling.ts";
import { STRIPE } from "./stripe.ts";

/** All that is planted. */
export const PLANTED: readonly Planted[] = [...STRIPE, ...DEFENCE, ...SETTLING, ...PAPER];
