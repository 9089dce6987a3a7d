import { advances } from "./advances.ts";
import { calendar } from "./calendar.ts";
import { corrections } from "./corrections.ts";
import { costPlusCases } from "./cost-plus.ts";
import { credits } from "./credits.ts";
import { discount } from "./discount.ts";
import { grants } from "./grants.ts";
import { items } from "./items.ts";
import { late } from "./late.ts";
import { lateAmounts } from "./late-amounts.ts";
import { minimum } from "./minimum.ts";
import { money } from "./money.ts";
import { prices } from "./prices.ts";
import { promotionNotes } from "./promotion-notes.ts";
import { promotionScopes } from "./promotion-scopes.ts";
import { promotions } from "./promotions.ts";
import { rateClasses } from "./rate-classes.ts";
import { runs } from "./runs.ts";
import { selection } from "./selection.ts";
import { service } from "./service.ts";
import { settled } from "./settled.ts";
import { tax } from "./tax.ts";
import { tierEdges } from "./tiers.ts";
import { tokens } from "./tokens.ts";
import { voids } from "./voids.ts";
import type { Case } from "./world.ts";

/** All worked cases by topic. */
export const topics: Record<string, readonly Case[]> = {
  prices,
  tiers: tierEdges,
  "which price": selection,
  "rate classes": rateClasses,
  "cost plus": costPlusCases,
  tokens,
  calendar,
  service,
  minimum,
  money,
  tax,
  discount,
  "one-off items": items,
  "credit notes and payments": credits,
  "granted credit": grants,
  "advances with tax": advances,
  "promotional credit": [...promotions, ...promotionScopes, ...promotionNotes],
  "late usage": [...late, ...lateAmounts],
  "settled periods": settled,
  corrections,
  "void and regenerate": voids,
  "monthly runs": runs,
};
