import fc from "fast-check";
import { z } from "zod";
import { asked, fromSchema, HOSTILE_TEXT } from "./from-schema.ts";

/** A request that an OpenAPI document allows, or nearly. */
export interface FuzzRequest {
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const Parameter = z.object({ name: z.string(), in: z.string(), schema: z.json() });
const Operation = z.object({
  operationId: z.string(),
  parameters: z.array(Parameter),
  requestBody: z.object({
    content: z.object({ "application/json": z.object({ schema: z.json() }) }),
  }).optional(),
});
const Document = z.object({
  paths: z.record(z.string(), z.record(z.string(), Operation)),
  components: z.object({ schemas: z.record(z.string(), z.json()) }),
});

const BROKEN_BODIES = [
  "",
  "{",
  "[]",
  "null",
  '"text"',
  '{"a":1,"a":2}',
  "[".repeat(3000),
  "\u0000",
];

/** Requests to every operation of a document alike; `ids` are ones that exist. */
export function fuzzRequests(document: unknown, ids: readonly string[]): fc.Arbitrary<FuzzRequest> {
  const { paths, components } = Document.parse(document);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      requestOf(path, method, withComponents(operation, components.schemas), ids)
    )
  );
  return fc.oneof(...operations);
}

/** An operation whose references are followed once: a schema may refer to itself. */
function withComponents(
  operation: z.infer<typeof Operation>,
  schemas: Readonly<Record<string, unknown>>,
): z.infer<typeof Operation> {
  const follow = (_: string, value: unknown) => {
    const [, name] = /^#\/components\/schemas\/(\w+)$/.exec(String(Object(value).$ref)) ?? [];
    return name === undefined ? value : schemas[name];
  };
  return Operation.parse(JSON.parse(JSON.stringify(operation), follow));
}

function requestOf(
  path: string,
  method: string,
  { operationId, parameters, requestBody }: z.infer<typeof Operation>,
  ids: readonly string[],
): fc.Arbitrary<FuzzRequest> {
  const of = (place: string) => parameters.filter((parameter) => parameter.in === place);
  const params = fc.record(
    Object.fromEntries(of("path").map(({ name, schema }) => [name, fromSchema(schema, ids)])),
  );
  const query = fc.record(
    Object.fromEntries(of("query").map(({ name, schema }) => [name, fromSchema(schema, ids)])),
    { requiredKeys: [] },
  );
  const schema = requestBody?.content["application/json"].schema ?? { type: "object" };
  const body = method === "get" ? fc.constant(undefined) : fc.oneof(
    { weight: 8, arbitrary: asked(schema, ids).map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.constantFrom(...BROKEN_BODIES) },
  );
  return fc.record({ params, query, body, headers: oddHeaders() }).map((made) => ({
    operation: operationId,
    method: method.toUpperCase(),
    path: path.replace(/\{(\w+)\}/g, (_, name) => encode(Object(made.params)[name])) +
      searchOf(made.query),
    headers: made.headers,
    body: made.body,
  }));
}

function oddHeaders(): fc.Arbitrary<Record<string, string>> {
  const headers: Record<string, string>[] = [
    { "idempotency-key": "the same for all" },
    { "idempotency-key": "one" },
    { "idempotency-key": "k".repeat(300) },
    { "content-type": "text/plain" },
    { "content-type": "application/x-ndjson" },
    { "content-encoding": "gzip" },
    { "content-encoding": "br" },
    { "if-none-match": "*" },
  ];
  return fc.oneof({ weight: 12, arbitrary: fc.constant({}) }, {
    weight: 1,
    arbitrary: fc.constantFrom(...headers),
  });
}

function searchOf(query: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(query).map(([key, value]) => `${encode(key)}=${encode(value)}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** Percent-encoded; half a surrogate pair, which has no UTF-8, as the bytes some clients send. */
function encode(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  try {
    return encodeURIComponent(text) || "%20";
  } catch {
    return "%ED%A0%80";
  }
}

/** Texts for the places where people write names. */
export const NAMES = HOSTILE_TEXT.filter((text) =>
  text.trim() !== "" && text.length < 200 && !text.includes("\0") && !/\p{Surrogate}/u.test(text)
);
