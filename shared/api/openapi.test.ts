import assert from "node:assert/strict";
import { openApiDocument } from "./openapi.ts";
import type { Route } from "./route.ts";
import { ROUTES } from "./routes.ts";

const document = JSON.parse(JSON.stringify(openApiDocument(ROUTES)));
const operationOf = ({ path, method }: Route) => document.paths[path][method.toLowerCase()];

Deno.test("the four promised operations are there under their promised paths", () => {
  assert.ok(document.paths["/billing/clients"].get);
  assert.ok(document.paths["/billing/clients/{client_id}/usage"].get);
  assert.ok(document.paths["/billing/invoices/generate"].post);
  assert.ok(document.paths["/billing/invoices/{invoice_id}"].get);
});

Deno.test("ids are unique, and each path parameter is described", () => {
  assert.equal(new Set(ROUTES.map(({ id }) => id)).size, ROUTES.length);
  for (const route of ROUTES) {
    const named = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const described = operationOf(route).parameters
      .filter((parameter: { in: string }) => parameter.in === "path")
      .map(({ name }: { name: string }) => name);
    assert.deepEqual(described, named, route.id);
  }
});

Deno.test("every operation answers with what it promises or a problem", () => {
  for (const route of ROUTES) {
    const { responses } = operationOf(route);
    assert.deepEqual(Object.keys(responses).sort(), [String(route.status), "default"].sort());
    assert.ok(responses.default.content["application/problem+json"]);
  }
});

Deno.test("every POST takes an Idempotency-Key", () => {
  for (const route of ROUTES.filter(({ method }) => method === "POST")) {
    const names = operationOf(route).parameters.map(({ name }: { name: string }) => name);
    assert.ok(names.includes("Idempotency-Key"), route.id);
  }
});

Deno.test("money is whole numbers, quantities are text: no schema lets a fraction of a cent in", () => {
  const seen: string[] = [];
  const walk = (schema: unknown, name: string): void => {
    const { type, properties, items, anyOf, oneOf } = Object(schema);
    if (/_minor$/.test(name) && type !== undefined) {
      seen.push(name);
      assert.equal(type, "integer", name);
    }
    if (/^(quantity|unit_amount|per_units|precise_amount)$/.test(name) && type !== undefined) {
      assert.equal(type, "string", name);
    }
    for (const [key, value] of Object.entries(Object(properties))) walk(value, key);
    for (const choice of [...(anyOf ?? []), ...(oneOf ?? [])]) {
      if (Object(choice).type !== "null") walk(choice, name);
    }
    if (items !== undefined) walk(items, name);
  };
  for (const route of ROUTES) {
    const { requestBody, responses } = operationOf(route);
    walk(requestBody?.content["application/json"].schema, "");
    walk(responses[route.status].content["application/json"].schema, "");
  }
  assert.ok(seen.length > 20);
});
