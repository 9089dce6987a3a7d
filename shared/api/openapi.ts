import { z } from "zod";
import { ERRORS } from "../errors.ts";
import { sha256Of } from "../sha256.ts";
import { UsageEvent } from "./events.ts";
import { COMPONENT, type Route } from "./route.ts";

const LIMITS = `Bodies are at most 1,000,000 bytes (ingest-usage: 8,000,000 inflated, 1,000 events),
nested 100 levels at most, and arrive within 15 s. Pages hold at most 200 items. A member has 600
requests a minute and 2 at once, an operator 3,000 and 4; without valid credentials an address has
60 answers a minute. What is beyond is 429 or 503 with Retry-After. docs/limits.md has them all.`
  .replaceAll("\n", " ");

type JsonSchema = Record<string, unknown>;

const SUMMARY = "LeverEdge Billing: usage of AI agents becomes invoices";

/** The OpenAPI 3.1 document of routes, made from the very schemas that parse and answer. */
export function openApiDocument(routes: readonly Route[]): Record<string, z.core.util.JSONType> {
  const paths: Record<string, JsonSchema> = {};
  const shared = new Map<string, unknown>();
  for (const route of routes) {
    const described = hoistDefinitions(operation(route), shared);
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: described };
  }
  const document = {
    openapi: "3.1.0",
    info: { title: "LeverEdge Billing", summary: SUMMARY, description: LIMITS, version: "1" },
    servers: [{ url: "/functions/v1" }],
    security: [{ apikey: [] }, { user: [] }],
    paths,
    components: {
      securitySchemes: {
        apikey: { type: "apiKey", in: "header", name: "apikey" },
        user: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
      },
      headers: { RetryAfter: RETRY_AFTER },
      schemas: {
        Problem: problemSchema(),
        UsageEvent: hoistDefinitions(schemaOf(UsageEvent, "input"), shared),
        ...Object.fromEntries(shared),
      },
      responses: problemResponses(),
    },
  };
  return z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(document)));
}

function operation(route: Route): JsonSchema {
  const schema = schemaOf(route.answer, "output");
  const answer = { content: { [route.media ?? "application/json"]: { schema } } };
  return {
    operationId: route.id,
    summary: route.summary,
    "x-access": route.access,
    ...(route.access.includes("anon") ? { security: [] } : {}),
    parameters: [
      ...parameters(route.params, "path"),
      ...parameters(route.query, "query"),
      ...(route.method === "GET" || route.opensByItself === true ? [] : [IDEMPOTENCY_KEY]),
    ],
    ...bodyOf(route),
    responses: {
      [route.status]: { description: "Done", ...answer },
      ...Object.fromEntries(
        statusesOf(route).map((status) => [status, { $ref: `#/components/responses/${status}` }]),
      ),
      default: { $ref: "#/components/responses/default" },
    },
  };
}

/** Statuses of problems that an operation may answer with. */
function statusesOf({ access, method, params }: Route): number[] {
  const hasPath = Object.keys(Object(schemaOf(params, "input").properties)).length > 0;
  return [
    400,
    405,
    ...access.includes("anon") ? [] : [401, 403],
    ...hasPath || method !== "GET" ? [404] : [],
    ...method === "GET" ? [] : [408, 409, 413],
    429,
    500,
    503,
  ];
}

const RETRY_AFTER = {
  description: "Seconds after which the request may be sent again",
  schema: { type: "integer", minimum: 1 },
};

/** A response for each status, with the codes that it may have. */
function problemResponses(): JsonSchema {
  const content = {
    "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
  };
  const byStatus = new Map<number, string[]>();
  for (const [code, { status }] of Object.entries(ERRORS)) {
    byStatus.set(status, [...byStatus.get(status) ?? [], code]);
  }
  const all = [...byStatus].map(([status, codes]) => [String(status), {
    description: `A problem (RFC 9457): ${codes.join(", ")}`,
    ...[429, 503].includes(status)
      ? { headers: { "Retry-After": { $ref: "#/components/headers/RetryAfter" } } }
      : {},
    content,
  }]);
  return Object.fromEntries([...all, ["default", {
    description: "A problem (RFC 9457)",
    content,
  }]]);
}

/**
 * Schemas that refer to themselves keep what they refer to in `$defs` beside them, where a document
 * does not look: it goes to the components, under a name made of its content, and so do references.
 */
function hoistDefinitions(node: unknown, shared: Map<string, unknown>): unknown {
  if (Array.isArray(node)) return node.map((one) => hoistDefinitions(one, shared));
  if (typeof node !== "object" || node === null) return node;
  const { $defs, [COMPONENT]: component, ...rest } = Object(node);
  if (component !== undefined) return { $ref: `#/components/schemas/${component}` };
  let text = JSON.stringify(rest);
  for (const [name, definition] of Object.entries(Object($defs))) {
    const content = JSON.stringify(definition);
    const given = `Shared${sha256Of(content).slice(0, 8)}`;
    const refer = (from: string) =>
      from.replaceAll(`"#/$defs/${name}"`, `"#/components/schemas/${given}"`);
    shared.set(given, JSON.parse(refer(content)));
    text = refer(text);
  }
  const entries = Object.entries(JSON.parse(text));
  return Object.fromEntries(entries.map(([key, value]) => [key, hoistDefinitions(value, shared)]));
}

const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "Sent again with the same body, the first answer comes back and nothing is done",
  schema: { type: "string", minLength: 1, maxLength: 255 },
};

function bodyOf(route: Route): JsonSchema {
  const schema = schemaOf(route.body, "input");
  const isEmpty = Object.keys(Object(schema.properties)).length === 0 &&
    schema.anyOf === undefined &&
    schema.oneOf === undefined;
  if (route.method === "GET" || isEmpty) return {};
  return { requestBody: { required: true, content: { "application/json": { schema } } } };
}

function parameters(schema: z.ZodType, place: "path" | "query"): JsonSchema[] {
  const { properties, required } = schemaOf(schema, "input");
  const names = Array.isArray(required) ? required : [];
  return Object.entries(Object(properties)).map(([name, parameter]) => ({
    name,
    in: place,
    required: place === "path" || names.includes(name),
    schema: parameter,
  }));
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}

function problemSchema(): JsonSchema {
  return schemaOf(
    z.object({
      type: z.string(),
      code: z.enum(Object.keys(ERRORS)),
      title: z.string(),
      status: z.int(),
      detail: z.string().optional(),
      errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
    }),
    "output",
  );
}
