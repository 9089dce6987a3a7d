import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import { ERRORS } from "../errors.ts";
import { openApiDocument } from "./openapi.ts";
import { ingestUsage } from "./events.ts";
import { reconcile } from "./operations.ts";
import type { Actor, Route } from "./route.ts";
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

Deno.test("every operation answers with what it promises or a problem of the catalogue", () => {
  const statuses = new Set(Object.values(ERRORS).map(({ status }) => String(status)));
  for (const route of ROUTES) {
    const { responses } = operationOf(route);
    assert.ok(responses[route.status].content[route.media ?? "application/json"].schema, route.id);
    const problems = Object.keys(responses).filter((one) => one !== String(route.status));
    for (const status of problems) {
      assert.ok(status === "default" || statuses.has(status), `${route.id}: ${status}`);
      const { content } = document.components.responses[status];
      assert.ok(content["application/problem+json"]);
    }
    const expected = ["400", "405", "429", "503"];
    if (!route.access.some((actor: Actor) => actor === "anon")) expected.push("401", "403");
    if (route.method !== "GET") expected.push("408", "409", "413");
    if (route.path.includes("{")) expected.push("404");
    assert.ok(expected.every((status) => problems.includes(status)), `${route.id}: ${problems}`);
  }
});

Deno.test("a standard validator takes the document, and every reference resolves", async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors));
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)];
  assert.ok(references.length > 100);
  for (const [, reference = ""] of references) {
    assert.match(reference, /^#\//);
    const found = reference.slice(2).split("/").reduce((at, key) => Object(at)[key], document);
    assert.notEqual(found, undefined, reference);
  }
});

Deno.test("every code of the catalogue is described under its status, with when to come again", () => {
  const { responses } = document.components;
  for (const [code, { status }] of Object.entries(ERRORS)) {
    assert.ok(responses[status].description.includes(code), code);
  }
  for (const status of ["429", "503"]) assert.ok(responses[status].headers["Retry-After"]);
});

Deno.test("an event of usage is described with its limits, and so are days and instants", () => {
  const { items, maxItems } = operationOf(ingestUsage).requestBody.content["application/json"]
    .schema.properties.events;
  assert.deepEqual([items, maxItems], [{ $ref: "#/components/schemas/UsageEvent" }, 1000]);
  const { properties, required } = document.components.schemas.UsageEvent;
  assert.deepEqual(required, ["agent", "model"]);
  assert.deepEqual([properties.agent.maxLength, properties.model.maxLength], [200, 200]);
  assert.deepEqual([properties.calls.minimum, properties.calls.maximum], [1, 1_000_000_000]);
  assert.equal(properties.input_tokens.minimum, 0);
  const { type, maxProperties, propertyNames, additionalProperties } = properties.other_features;
  assert.deepEqual([type, maxProperties, propertyNames, additionalProperties], [
    "object",
    50,
    { minLength: 1, maxLength: 200 },
    { type: "number", minimum: 0 },
  ]);
  assert.equal(properties.timestamp.maxLength, 40);
  assert.match(properties.timestamp.description, /1970 to 2199/);
  const { parameters } = operationOf(reconcile);
  const [start] = parameters.filter(({ name }: { name: string }) => name === "start");
  assert.deepEqual([start.schema.formatMinimum, start.schema.formatMaximum], [
    "1970-01-01",
    "2199-12-31",
  ]);
});

Deno.test("every POST takes an Idempotency-Key, but those whose answer opens something by itself", () => {
  for (const route of ROUTES.filter(({ method }) => method === "POST")) {
    const names = operationOf(route).parameters.map(({ name }: { name: string }) => name);
    assert.equal(names.includes("Idempotency-Key"), !("opensByItself" in route), route.id);
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
  // What the rater computes from is text throughout: whole numbers of any size stay exact.
  const shown = ROUTES.filter(({ path }) => !path.endsWith("/evidence"));
  for (const route of shown) {
    const { requestBody, responses } = operationOf(route);
    walk(requestBody?.content["application/json"].schema, "");
    walk(responses[route.status].content[route.media ?? "application/json"].schema, "");
  }
  assert.ok(seen.length > 20);
});
