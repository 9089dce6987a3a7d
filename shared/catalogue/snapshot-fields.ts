import { type ExactJson, isObject, JsonNumber, parseExactJson } from "./exact-json.ts";

const KEPT =
  /cost|pricing|multiplier|^(litellm_provider|mode|alias_of|deprecation_date|provider_specific_entry)$/;

/** LiteLLM's map without what says nothing of prices, a model a line, numbers as they are. */
export function priceFieldsOnly(map: string): string {
  const models = parseExactJson(map);
  if (!isObject(models)) throw new SyntaxError("not a map of models");
  const lines = Object.entries(models).map(([id, entry]) => {
    const kept = isObject(entry)
      ? Object.fromEntries(Object.entries(entry).filter(([name]) => KEPT.test(name)))
      : entry;
    return `${JSON.stringify(id)}:${written(kept)}`;
  });
  return `{\n${lines.join(",\n")}\n}\n`;
}

function written(value: ExactJson): string {
  if (value instanceof JsonNumber) return value.text;
  if (isObject(value)) {
    const members = Object.entries(value).map(([name, of]) =>
      `${JSON.stringify(name)}:${written(of)}`
    );
    return `{${members.join(",")}}`;
  }
  return Array.isArray(value) ? `[${value.map(written).join(",")}]` : JSON.stringify(value);
}
