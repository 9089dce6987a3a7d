import * as routes from "../../../shared/api/settings.ts";
import { problem } from "../../../shared/errors.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { found } from "./api/rows.ts";

/** The seller as printed on invoices, and the defaults of the installation. */
export const settingEndpoints = [
  endpoint(routes.getSettings, (session) => readSettings(session)),
  endpoint(routes.updateSettings, async (session, { body }) => {
    const { sql } = session;
    const names = Object.keys(body);
    if (names.length === 0) {
      throw new ProblemError(problem("bad_request", "nothing to change was given"));
    }
    const values = names.map((name, index) => sql`${index > 0 ? sql`, ` : sql``}r.${sql(name)}`);
    await sql`
      update public.billing_settings set (${sql(names)}) = row (${values})
      from jsonb_populate_record(
        null::public.billing_settings, ${JSON.stringify(body)}::text::jsonb) r`;
    return await readSettings(session);
  }),
];

async function readSettings({ sql }: Session): Promise<unknown> {
  return found(
    await sql<{ item: unknown }[]>`
      select to_jsonb(s) - 'id' || jsonb_build_object(
        'spend_jump_factor', trim_scale(s.spend_jump_factor)::text) as item
      from public.billing_settings s`,
  ).item;
}
