import * as routes from "../../../shared/api/personal-data.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { found } from "./api/rows.ts";

/** Export and erasure of a client's people. */
export const personalDataEndpoints = [
  endpoint(routes.exportPersonalData, async ({ sql }, { params: { client_id } }) =>
    found(
      await sql<{ item: unknown }[]>`
        select billing.export_personal_data(${client_id}::text::uuid) as item`,
    ).item),
  endpoint(
    routes.erasePersonalData,
    async ({ sql }, { params: { client_id }, body: { reason } }) =>
      found(
        await sql<{ item: unknown }[]>`
          select billing.erase_personal_data(${client_id}::text::uuid, ${reason}) as item`,
      ).item,
  ),
];
