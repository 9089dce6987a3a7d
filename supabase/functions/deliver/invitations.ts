import type { Sql } from "postgres";
import { z } from "zod";
import { MEMBER_ROLES } from "../../../shared/api/members.ts";
import type { Invitation } from "./outbound/mail/invitation-mail.ts";
import type { DeliveryJob } from "./types.ts";

/** Finds the member that an invitation is for; null where there is none any more, or no email. */
export type LoadInvitation = (job: DeliveryJob) => Promise<Invitation | null>;

const Payload = z.object({ member_id: z.uuid() });
const Row = z.object({
  email: z.string(),
  role: z.enum(MEMBER_ROLES),
  client: z.string(),
  locale: z.string(),
  seller: z.string(),
});

/** Reads from the database: the role is that of now. */
export function invitationLoader(sql: Sql): LoadInvitation {
  return async (job) => {
    const { data } = Payload.safeParse(job.payload);
    if (data === undefined) return null;
    const [row] = await sql`
      select m.email, m.role, c.name as client, c.locale, s.seller_name as seller
      from billing.members_of(${job.client_id}) m
      join public.clients c on c.id = m.client_id
      cross join public.billing_settings s
      where m.id = ${data.member_id} and m.email is not null`;
    return row === undefined ? null : Row.parse(row);
  };
}
