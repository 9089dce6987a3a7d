import assert from "node:assert/strict";
import { z } from "zod";
import { ROUTES } from "./routes.ts";
import { updateSettings } from "./settings.ts";

/**
 * Names that logs or others have given are taken as they are: what refers to them must find them.
 * References are looked up, cursors parsed, addresses compared whole or put to the test below.
 */
const AS_GIVEN = new Set(
  ("agent agents model models family metric metrics rate_class applies_to provider mode alias_of " +
    "id field written endpoint time_zone client_id cursor return_url cancel_url payment_page_url")
    .split(" "),
);

/** Formats whose length is bounded by what they are. */
const SHORT = new Set(["uuid", "date", "date-time"]);

const Node = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  additionalProperties: z.unknown().optional(),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
  allOf: z.array(z.unknown()).optional(),
  maxLength: z.number().optional(),
  pattern: z.string().optional(),
  format: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
});
type Node = z.infer<typeof Node>;

interface Text {
  /** Where it stands, like `createClient body.name`. */
  readonly path: string;
  readonly name: string;
  readonly node: Node;
}

const texts = ROUTES.flatMap((route) =>
  (["params", "query", "body"] as const).flatMap((part) =>
    textsOf(
      z.toJSONSchema(route[part], { io: "input", unrepresentable: "any" }),
      `${route.id} ${part}`,
      part,
    )
  )
);

Deno.test("every text that a route takes has a longest length", () => {
  assert.ok(texts.length > 150, `only ${texts.length} texts`);
  assert.deepEqual(texts.filter(({ node }) => !isBounded(node)).map(({ path }) => path), []);
});

Deno.test("every text that is written down takes no control or direction characters", () => {
  const free = texts.filter(({ path, node, name }) =>
    / body\b/.test(path) && node.pattern === undefined && !SHORT.has(node.format ?? "") &&
    !AS_GIVEN.has(name)
  );
  assert.deepEqual(free.map(({ path }) => path), []);
});

Deno.test("a page to pay turns no text around", () => {
  const page = (payment_page_url: string) =>
    updateSettings.body.safeParse({ payment_page_url }).success;
  assert.deepEqual(
    ["https://a.test/b", "https://a.test/\u202eb"].map(page),
    [true, false],
  );
});

Deno.test("a text without a bound is seen", () => {
  const bounded = (schema: z.ZodType) => isBounded(Node.parse(z.toJSONSchema(schema)));
  assert.deepEqual(
    [/^a{1,9}\+[+*]$/, /^a+$/, /^a*$/, /^a{2,}$/, /a{2}/].map((one) =>
      bounded(z.string().regex(one))
    ),
    [true, false, false, false, false],
  );
  assert.deepEqual([bounded(z.string()), bounded(z.string().max(9))], [false, true]);
});

function textsOf(schema: unknown, path: string, name: string): Text[] {
  const { success, data: node } = Node.safeParse(schema);
  if (!success) return [];
  const isFree = [node.type].flat().includes("string") && node.enum === undefined &&
    node.const === undefined;
  return [
    ...isFree ? [{ path, name, node }] : [],
    ...Object.entries(node.properties ?? {}).flatMap(([key, one]) =>
      textsOf(one, `${path}.${key}`, key)
    ),
    ...[node.items, node.additionalProperties, ...node.anyOf ?? [], ...node.allOf ?? []]
      .flatMap((one) => textsOf(one, path, name)),
  ];
}

/** By its length, its format, or a pattern of the whole text that repeats nothing without end. */
function isBounded({ maxLength, format, pattern }: Node): boolean {
  if (maxLength !== undefined || SHORT.has(format ?? "")) return true;
  const repeated = pattern?.replaceAll(/\\./g, "x").replaceAll(/\[[^\]]*\]/g, "x") ?? "*";
  return /^\^.*\$$/.test(repeated) && !/[*+]|\{\d+,\}/.test(repeated);
}
