import { z } from "zod";
import { ClientPath, Id, nothing, reason, ShownInstant } from "./fields.ts";
import { type Route, STAFF } from "./route.ts";

const rows = z.array(z.record(z.string(), z.json()));

/** All data of a client's people; docs/privacy.md says what each part holds. */
export const PersonalData = z.strictObject({
  client: z.record(z.string(), z.json()),
  members: rows,
  invoices: rows,
  credit_notes: rows,
  payments: rows,
  deliveries: rows,
  stripe: rows,
  /** Different notes that agents left in logs; 10,000 at most. */
  usage_metadata: z.array(z.json()),
  audit_log: rows,
});

/** What was erased, what is kept and why, and what is elsewhere. */
export const Erasure = z.strictObject({
  client_id: Id,
  erased_at: ShownInstant,
  /** How many rows of each. */
  erased: z.record(z.string(), z.int()),
  kept: z.array(z.strictObject({ what: z.string(), why: z.string(), count: z.int().optional() })),
  elsewhere: z.array(z.strictObject({ what: z.string(), ids: z.array(z.string()) })),
});

export const exportPersonalData = {
  id: "exportPersonalData",
  method: "GET",
  path: "/billing/clients/{client_id}/personal-data",
  summary: "All personal data of a client's people",
  access: STAFF,
  params: ClientPath,
  query: nothing,
  body: nothing,
  answer: PersonalData,
  status: 200,
} as const satisfies Route;

export const erasePersonalData = {
  id: "erasePersonalData",
  method: "POST",
  path: "/billing/clients/{client_id}/erasure",
  summary: "Erase a client's people; the books stay",
  access: STAFF,
  params: ClientPath,
  query: nothing,
  body: z.strictObject({ reason: reason(500) }),
  answer: Erasure,
  status: 200,
} as const satisfies Route;
