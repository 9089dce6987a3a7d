import type { z } from "zod";
import {
  addMember,
  listMembers,
  type Member,
  removeMember,
} from "../../../../shared/api/clients.ts";
import { Act, type ActOf, known } from "../../acts/act.tsx";
import type { Api } from "../../api/api.ts";
import { useConsole } from "../../api/context.ts";
import { everyPage } from "../../api/every-page.ts";
import { useAnswer } from "../../api/use-answer.ts";
import { instant } from "../../format/days.ts";
import { Card } from "../../parts/card.tsx";
import { Cut } from "../../parts/cut.tsx";
import { Loaded } from "../../parts/loaded.tsx";
import { Table } from "../../parts/table.tsx";

type Row = z.infer<typeof Member>;

interface Named {
  readonly id: string;
  readonly name: string;
}

/** Users who see a client, and the way to invite and remove them. */
export function Members({ client }: { readonly client: Named }) {
  const { api } = useConsole();
  const answer = useAnswer(
    `members of ${client.id}`,
    () =>
      everyPage((cursor) =>
        api.billing(listMembers, {
          params: { client_id: client.id },
          query: { cursor, limit: 200 },
        }), 5),
  );
  return (
    <Card title="Users" aside={<Act act={invite(api, client)} />}>
      <Loaded answer={answer}>
        {({ rows, isWhole }) => (
          <>
            <Table
              label="Users"
              none="No user sees this client yet."
              rows={rows}
              keyOf={({ user_id }) => user_id}
              columns={[
                {
                  title: "User",
                  cell: ({ email, user_id }) => email ?? <code>{user_id.slice(0, 8)}</code>,
                },
                { title: "Role", cell: ({ role }) => role },
                { title: "Since", cell: ({ created_at }) => instant(created_at), isMinor: true },
                { title: "Act", cell: (row) => <Act act={remove(api, client, row)} /> },
              ]}
            />
            <Cut shown={rows.length} isWhole={isWhole} />
          </>
        )}
      </Loaded>
    </Card>
  );
}

function invite(api: Api, client: Named): ActOf<Row> {
  return {
    name: "Invite",
    title: "Invite a user",
    look: "main",
    fields: [
      { name: "email", label: "Email", kind: "email", required: true },
      {
        name: "role",
        label: "Role",
        options: [["viewer", "Viewer: sees"], ["payer", "Payer: may also say how to pay"]],
      },
    ],
    preview: ({ email }) =>
      known(
        <p>
          {email} is mailed a link that signs in, and sees usage, invoices and statement of{" "}
          <bdi>{client.name}</bdi>, and of no other client.
        </p>,
      ),
    run: async ({ email = "", role }, idempotencyKey) => {
      const sent = await api.invite(email);
      if (sent.error !== null) return sent;
      return await api.billing(addMember, {
        params: { client_id: client.id },
        body: { email, role: role === "payer" ? "payer" : "viewer" },
        idempotencyKey,
      });
    },
  };
}

function remove(api: Api, client: Named, { user_id, email }: Row): ActOf<Row> {
  return {
    name: "Remove",
    title: `Remove ${email ?? user_id}`,
    look: "bad",
    preview: () =>
      known(
        <p>
          {email ?? user_id} does not see <bdi>{client.name}</bdi> any more. The account stays.
        </p>,
      ),
    run: () => api.billing(removeMember, { params: { client_id: client.id, user_id } }),
  };
}
