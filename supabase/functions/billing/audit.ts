import * as routes from "../../../shared/api/audit.ts";
import { auditCsv, type AuditEntry } from "../../../shared/audit-csv.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found } from "./api/rows.ts";

/** The audit log: handed out, and verified. */
export const auditEndpoints = [
  endpoint(routes.listAudit, async ({ sql }, { query }) => {
    const after = cursorKeys(query.cursor, 1)?.[0] ?? null;
    const is = (column: string, value: string | undefined) =>
      value === undefined ? sql`` : sql`and ${sql(column)} = ${value}::text`;
    const rows = await sql<PageRow[]>`
      select jsonb_build_object('id', a.id::text, 'at', a.at, 'actor', a.actor,
          'operation', a.operation, 'table_name', a.table_name, 'row_id', a.row_id,
          'before', a.before, 'after', a.after) as item,
        array[a.id::text] as keys
      from billing.audit_log a
      where (${after}::text is null or a.id < ${after}::text::bigint)
        ${is("table_name", query.table_name)} ${is("row_id", query.row_id)}
        ${is("actor", query.actor)} ${is("operation", query.operation)}
      order by a.id desc limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.exportAudit, async ({ sql }, { query }) => {
    const after = cursorKeys(query.cursor, 1)?.[0] ?? "0";
    const rows = await sql<PageRow[]>`
      select jsonb_build_object('position', e.position::text, 'content', e.content,
          'content_hash', e.content_hash, 'hash', e.hash, 'erased', e.erased) as item,
        array[e.position::text] as keys
      from billing.audit_export(${after}::text::bigint, ${query.limit + 1}) e
      order by e.position`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.exportAuditCsv, async ({ sql }, { query: { after, limit } }) => {
    const rows = await sql<AuditEntry[]>`
      select e.position::text, e.content, e.content_hash, e.hash, e.erased
      from billing.audit_export(${after}::text::bigint, ${limit}) e order by e.position`;
    return auditCsv(rows, { head: true });
  }),
  endpoint(routes.verifyAudit, async ({ sql }, { query: { position, hash } }) =>
    found(
      await sql`
        select sealed::text, unsealed::text, head_hash, broken_at::text, audit_id::text, finding
        from billing.verify_audit_chain(${position ?? null}::bigint, ${hash ?? null}::text)`,
    )),
];
