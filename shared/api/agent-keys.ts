import { z } from "zod";
import { Id, Instant, name, pageOf, paging, reason, ShownInstant, words } from "./fields.ts";
import type { Route } from "./route.ts";
import { staffRoute } from "./staff-route.ts";

/** A span of time as PostgreSQL and ISO 8601 read it. */
const Span = z.string().regex(/^\d{1,5} (seconds|minutes|hours|days)$/, "like 24 hours");
const Network = z.union([z.cidrv4(), z.cidrv6()]);
const Kind = z.enum(["token", "jwt"]);

/** A key of an agent, without anything that opens. */
export const AgentKey = z.strictObject({
  id: Id,
  name: z.string(),
  kind: Kind,
  /** Null: of any agent. */
  agent: z.string().nullable(),
  /** Null: of all clients. */
  client_ids: z.array(Id).nullable(),
  scopes: z.array(z.literal("usage:write")),
  daily_events: z.int().nullable(),
  events_today: z.int().nullable(),
  networks: z.array(z.string()).nullable(),
  /** How old an event may be, and how far ahead, in seconds. */
  max_age_seconds: z.number(),
  max_ahead_seconds: z.number(),
  state: z.enum(["active", "replaced", "expired", "revoked"]),
  expires_at: ShownInstant.nullable(),
  revoked_at: ShownInstant.nullable(),
  revoked_because: z.string().nullable(),
  replaces_id: Id.nullable(),
  created_by: z.string(),
  created_at: ShownInstant,
  /** To the minute. */
  last_used_at: ShownInstant.nullable(),
});

/** A key just made, with its token, which is told this once; null of kind `jwt`. */
export const NewAgentKey = z.strictObject({ key: AgentKey, token: z.string().nullable() });

const KeyPath = z.strictObject({ key_id: Id });

export const listAgentKeys = {
  ...staffRoute,
  id: "listAgentKeys",
  method: "GET",
  path: "/billing/agent-keys",
  summary: "Keys of agents, newest first: what each may log, its state and its last use",
  query: z.strictObject(paging),
  answer: pageOf(AgentKey),
} as const satisfies Route;

export const createAgentKey = {
  ...staffRoute,
  id: "createAgentKey",
  method: "POST",
  path: "/billing/agent-keys",
  summary: "Make a key for an agent; its token is told in this answer and never again",
  body: z.strictObject({
    name: name(200),
    kind: Kind.default("token"),
    agent: words(200).nullable().default(null),
    /** Null: all clients. */
    client_ids: z.array(Id).min(1).max(1000).nullable(),
    daily_events: z.int().min(1).nullable().default(null),
    networks: z.array(Network).min(1).max(100).nullable().default(null),
    max_age: Span.default("31 days"),
    max_ahead: Span.default("1 hours"),
    /** A year from now where left out; null, never, is for tokens alone. */
    expires_at: Instant.nullable().optional(),
  }),
  answer: NewAgentKey,
  opensByItself: true,
  status: 201,
} as const satisfies Route;

export const rotateAgentKey = {
  ...staffRoute,
  id: "rotateAgentKey",
  method: "POST",
  path: "/billing/agent-keys/{key_id}/rotate",
  summary: "Make a key's successor; the old one is valid for the overlap still",
  params: KeyPath,
  body: z.strictObject({ overlap: Span.default("24 hours") }),
  answer: NewAgentKey,
  opensByItself: true,
  status: 201,
} as const satisfies Route;

export const revokeAgentKey = {
  ...staffRoute,
  id: "revokeAgentKey",
  method: "POST",
  path: "/billing/agent-keys/{key_id}/revoke",
  summary: "End a key at once",
  params: KeyPath,
  body: z.strictObject({ reason: reason(500).optional() }),
  answer: AgentKey,
} as const satisfies Route;
