import { z } from "zod";
import { ERRORS } from "../errors.ts";
import type { Route } from "./route.ts";

type JsonSchema = Record<string, unknown>;

const SUMMARY = "LeverEdge Billing: usage of AI agents becomes invoices";

/** The OpenAPI 3.1 document of routes, made from the very schemas that parse and answer. */
export function openApiDocument(routes: readonly Route[]): Record<string, z.core.util.JSONType> {
  const paths: Record<string, JsonSchema> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  const document = {
    openapi: "3.1.0",
    info: { title: "LeverEdge Billing", summary: SUMMARY, version: "1" },
    servers: [{ url: "/functions/v1" }],
    security: [{ apikey: [] }, { user: [] }],
    paths,
    components: {
      securitySchemes: {
        apikey: { type: "apiKey", in: "header", name: "apikey" },
        user: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
      },
      schemas: { Problem: problemSchema() },
    },
  };
  return z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(document)));
}

function operation(route: Route): JsonSchema {
  const answer = { content: { "application/json": { schema: schemaOf(route.answer, "output") } } };
  return {
    operationId: route.id,
    summary: route.summary,
    "x-access": route.access,
    ...(route.access.includes("anon") ? { security: [] } : {}),
    parameters: [
      ...parameters(route.params, "path"),
      ...parameters(route.query, "query"),
      ...(route.method === "GET" ? [] : [IDEMPOTENCY_KEY]),
    ],
    ...bodyOf(route),
    responses: {
      [route.status]: { description: "Done", ...answer },
      default: {
        description: "A problem (RFC 9457)",
        content: {
          "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
        },
      },
    },
  };
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
