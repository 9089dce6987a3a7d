import { z } from "zod";
import { nothing, pageOf, paging, ShownInstant, text } from "./fields.ts";
import { type Route, STAFF } from "./route.ts";

const base = {
  method: "GET",
  params: nothing,
  body: nothing,
  access: STAFF,
  status: 200,
} as const;

const Hash = z.string().regex(/^[0-9a-f]{64}$/);

/** An entry of the audit log as it is sealed; the hashes can be computed again by anybody. */
export const SealedEntry = z.strictObject({
  position: z.string(),
  /** JSON: id, at, actor, operation, table_name, row_id, before, after. Null where it was removed. */
  content: z.string().nullable(),
  /** SHA-256 of `content`, or of what it was before personal data was erased. */
  content_hash: Hash,
  /** SHA-256 of the hash of the position before and `content_hash`, as bytes. */
  hash: Hash,
  erased: z.boolean(),
});

/** An entry of the audit log: what was changed, by whom, and the values before and after. */
export const AuditEntry = z.strictObject({
  id: z.string(),
  at: ShownInstant,
  actor: z.string(),
  operation: z.enum(["insert", "update", "delete", "read", "refused"]),
  table_name: z.string(),
  row_id: z.string(),
  before: z.json(),
  after: z.json(),
});

export const listAudit = {
  ...base,
  id: "listAudit",
  path: "/billing/audit/entries",
  summary: "The audit log, newest first, as it reads",
  query: z.strictObject({
    ...paging,
    table_name: text(200).optional(),
    row_id: text(200).optional(),
    actor: text(200).optional(),
    operation: AuditEntry.shape.operation.optional(),
  }),
  answer: pageOf(AuditEntry),
} as const satisfies Route;

export const exportAudit = {
  ...base,
  id: "exportAudit",
  path: "/billing/audit",
  summary: "The audit log in order, with its chain of hashes",
  query: z.strictObject(paging),
  answer: pageOf(SealedEntry),
} as const satisfies Route;

export const exportAuditCsv = {
  ...base,
  id: "exportAuditCsv",
  path: "/billing/audit/csv",
  summary: "The audit log in order as CSV, with its chain of hashes, after a position",
  query: z.strictObject({
    /** The last position of the file before. */
    after: z.coerce.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER).default(0),
    limit: z.coerce.number().int().min(1).max(5000).default(1000),
  }),
  media: "text/csv",
  answer: z.string(),
} as const satisfies Route;

export const verifyAudit = {
  ...base,
  id: "verifyAudit",
  path: "/billing/audit/verification",
  summary: "Whether the audit log agrees with its seals, and its head",
  query: z.strictObject({
    /** A head that was kept elsewhere. */
    position: z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER).optional(),
    hash: Hash.optional(),
  }).refine(({ position, hash }) => (position === undefined) === (hash === undefined), {
    message: "position and hash go together",
  }),
  answer: z.strictObject({
    sealed: z.string(),
    unsealed: z.string(),
    head_hash: Hash.nullable(),
    broken_at: z.string().nullable(),
    audit_id: z.string().nullable(),
    finding: z.string().nullable(),
  }),
} as const satisfies Route;
