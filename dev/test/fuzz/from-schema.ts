import fc from "fast-check";
import { z } from "zod";

/** Text that has broken somebody's software. */
export const HOSTILE_TEXT = [
  "'; drop table public.clients; --",
  "' or '1'='1",
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "{{7*7}} ${7*7} <%= 7*7 %>",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "\u202egnp.exe",
  "😀🇬🇷ﷺ\u0301\u200d",
  "../../../../etc/passwd",
  "%s%n%x %00 %2e%2e",
  "-1",
  "1e400",
  "NaN",
  "infinity",
  "-infinity",
  "0000-00-00",
  "9999-12-31",
  "2026-02-30",
  "9".repeat(400),
  "x".repeat(5000),
  " ",
  "",
  "__proto__",
  "null",
] as const;

const HOSTILE_VALUES = [
  null,
  true,
  -1,
  0,
  1e308,
  -0,
  2 ** 53,
  0.1,
  [],
  {},
  [[[[[[]]]]]],
  { __proto__: null },
  ...HOSTILE_TEXT,
];

const Schema = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.json()).optional(),
  const: z.json().optional(),
  anyOf: z.array(z.json()).optional(),
  oneOf: z.array(z.json()).optional(),
  properties: z.record(z.string(), z.json()).optional(),
  additionalProperties: z.json().optional(),
  items: z.json().optional(),
  format: z.string().optional(),
  pattern: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
});

/** Values that a JSON schema asks for, and about one in five that it does not. */
export function fromSchema(schema: unknown, ids: readonly string[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 5, arbitrary: asked(schema, ids) },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(...HOSTILE_VALUES) },
  );
}

/** Only values of the schema's kind, on the outside. */
export function asked(raw: unknown, ids: readonly string[]): fc.Arbitrary<unknown> {
  const schema = Schema.parse(raw);
  const { enum: values, anyOf, oneOf, properties, additionalProperties, items, minimum, maximum } =
    schema;
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (values !== undefined) return fc.constantFrom(...values);
  const choices = anyOf ?? oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map((choice) => fromSchema(choice, ids)));
  switch (schema.type) {
    case "object":
      if (properties === undefined && Object(additionalProperties) === additionalProperties) {
        return fc.dictionary(
          fc.constantFrom(...HOSTILE_TEXT),
          fromSchema(additionalProperties, ids),
          {
            maxKeys: 8,
          },
        );
      }
      return objectOf(properties ?? {}, ids);
    case "array":
      return fc.array(fromSchema(items ?? {}, ids), { maxLength: 4 });
    case "integer":
      return fc.integer({
        min: Math.max(minimum ?? -1000, -(2 ** 31)),
        max: Math.min(maximum ?? 1_000_000, 2 ** 31 - 1),
      });
    case "number":
      return fc.double({ min: -20_000, max: 20_000, noNaN: true });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "string":
      return textOf(schema, ids);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

/** Most of the properties, now and then one that nobody asked for. */
function objectOf(
  properties: Readonly<Record<string, unknown>>,
  ids: readonly string[],
): fc.Arbitrary<unknown> {
  const known = fc.record(
    Object.fromEntries(
      Object.entries(properties).map(([key, value]) => [key, fromSchema(value, ids)]),
    ),
    { requiredKeys: [] },
  );
  const extra = fc.dictionary(
    fc.constantFrom("extra", "__proto__", "constructor", "id"),
    fc.string(),
    {
      maxKeys: 1,
    },
  );
  return fc.oneof(
    { weight: 6, arbitrary: known },
    { weight: 1, arbitrary: fc.tuple(known, extra).map(([one, two]) => ({ ...one, ...two })) },
  );
}

function textOf(
  { format, pattern }: z.infer<typeof Schema>,
  ids: readonly string[],
): fc.Arbitrary<string> {
  if (format === "uuid") return fc.oneof(fc.constantFrom(...ids), fc.uuid());
  if (format === "date") {
    return fc.constantFrom("2026-06-01", "2026-06-30", "1970-01-01", "2199-12-31");
  }
  if (format === "date-time") {
    return fc.constantFrom(
      "2026-07-01T00:00:00Z",
      "1970-01-01T00:00:00+14:00",
      "2199-12-31T23:59:59Z",
    );
  }
  const chosen = fc.constantFrom(
    ...[
      "2026-06",
      "USD",
      "JPY",
      "3.00",
      "0",
      "99999999999999999999.999999999999",
      "Pacific/Auckland",
    ],
    ...["en-US", "claude-sonnet", "input_tokens", "a@b.c", "day,agent", "12.5"],
    ...HOSTILE_TEXT,
  );
  if (pattern === undefined) return fc.oneof(chosen, fc.string({ unit: "binary", maxLength: 40 }));
  return fc.oneof(
    chosen,
    fc.stringMatching(/^[A-Z]{3}$/),
    fc.stringMatching(/^\d{1,20}(\.\d{1,12})?$/),
  );
}
