import { isFeatureName, MAX_CALLS, MAX_FEATURES, UsageEvent } from "../../../shared/api/events.ts";
import { isStorable } from "../../../shared/api/fields.ts";

/**
 * An event as it is to be stored, where `UsageEvent` would take it and that can be told at a
 * fraction of its cost; else null, which says nothing: what is not plain (corrections, nested
 * metadata, times with an offset) is for the schema to judge. A property test holds both to the
 * same rules. The database adds what the schema would, the `Z` of a time and defaults;
 * with an id they are added here, because an id that is stored already is compared.
 */
export function plainEvent(raw: unknown): object | null {
  if (!isObject(raw)) return null;
  let named = 0;
  for (const [field, value] of Object.entries(raw)) {
    if (RULES.get(field)?.(value) !== true) return null;
    if (field === "agent" || field === "model") named++;
  }
  if (named < 2) return null;
  return "id" in raw ? { ...DEFAULTS, ...raw } : raw;
}

const DEFAULTS = UsageEvent.parse({ agent: "of any", model: "of any" });

const name = (value: unknown) =>
  typeof value === "string" && value.length <= 200 && isStorable(value) &&
  value.trim() !== "";
const count = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
const cost = (value: unknown) => typeof value === "number" && value > -10_000 && value < 10_000;
const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?$/;
const uuid = /^[\da-f]{8}-[\da-f]{4}-[1-8][\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

const RULES = new Map<string, (value: unknown) => boolean>([
  ["id", (value) => typeof value === "string" && uuid.test(value)],
  ["agent", name],
  [
    "endpoint",
    (value) => typeof value === "string" && value.length <= 1000 && isStorable(value),
  ],
  ["model", name],
  ["input_tokens", count],
  ["output_tokens", count],
  ["web_searches", count],
  ["other_features", isFeatures],
  ["input_cost", cost],
  ["output_cost", cost],
  ["feature_cost", cost],
  ["total_cost", cost],
  ["calls", (value) => count(value) && value !== 0 && Number(value) <= MAX_CALLS],
  ["metadata", isMetadata],
  [
    "timestamp",
    (value) =>
      typeof value === "string" && at.test(value) &&
      !Number.isNaN(Date.parse(`${value}Z`)),
  ],
]);

function isFeatures(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length <= MAX_FEATURES &&
    Object.entries(value).every(([feature, amount]) =>
      feature !== "" && feature.length <= 200 && isFeatureName(feature) &&
      typeof amount === "number" && Number.isFinite(amount) && amount >= 0
    );
}

/** An object of text, numbers, booleans and nulls. */
function isMetadata(value: unknown): boolean {
  return isObject(value) &&
    Object.entries(value).every(([key, part]) =>
      isStorable(key) &&
      (key !== "counting" || part === "inclusive" || part === "exclusive" || part === null) &&
      (typeof part === "string"
        ? isStorable(part)
        : typeof part === "number"
        ? Number.isFinite(part)
        : typeof part === "boolean" || part === null)
    );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
