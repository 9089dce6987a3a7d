import { compare, type Fraction, negate, parseDecimal, ZERO } from "./fraction.ts";
import { type ExactJson, isNumber, isObject, member, parseExactJson } from "./json.ts";
import type { LogRow, World } from "./world.ts";

/** The rate class of a call, given all of its input. */
export type RateClassifier = (log: LogRow, wholeInput: Fraction) => string;

/** The class of a call for which no condition holds, and of all that are no tokens. */
export const STANDARD = "standard";

/** A call is of the class of the first condition that holds for it. */
export function rateClassifier(world: World): RateClassifier {
  const conditions = world.rate_classes.toSorted((a, b) => a.place - b.place)
    .map((condition) => ({ ...condition, wanted: parseExactJson(condition.metadata) }));
  const thresholds = new Map(
    world.models.map((model) => [
      model.id,
      [model.long_context_above, model.long_context_2_above, model.long_context_3_above]
        .flatMap((above) => above ?? []).map(parseDecimal),
    ]),
  );
  return (log, wholeInput) => {
    // A row that takes another back is of the class of the other.
    const size = compare(wholeInput, ZERO) < 0 ? negate(wholeInput) : wholeInput;
    // How long each call of a window was, its sum does not tell.
    const isOneCall = log.calls === "1" || log.calls === "-1";
    const passed = !isOneCall
      ? 0
      : (thresholds.get(log.model) ?? []).filter((above) => compare(size, above) > 0).length;
    const metadata = parseExactJson(log.metadata);
    return conditions.find(({ thresholds, wanted }) =>
      passed >= thresholds && asksOf(wanted, metadata)
    )?.rate_class ?? STANDARD;
  };
}

function asksOf(wanted: ExactJson, metadata: ExactJson): boolean {
  return isObject(wanted) && wanted.size === 0 || contains(metadata, wanted);
}

/** Whether JSON has all that is wanted, objects within objects. */
function contains(has: ExactJson, wanted: ExactJson): boolean {
  if (isObject(wanted)) {
    return isObject(has) && [...wanted].every(([key, value]) => {
      const own = member(has, key);
      return own !== undefined && contains(own, value);
    });
  }
  if (isNumber(wanted)) return isNumber(has) && has.decimal === wanted.decimal;
  return has === wanted;
}
