import type { z } from "zod";
import {
  addMember,
  listMembers,
  type Member,
  MEMBER_ROLES,
  type MemberRole,
  removeMember,
  updateMember,
} from "../../../shared/api/members.ts";
import { Act, type ActOf, known } from "../acts/act.tsx";
import type { Field } from "../acts/fields.ts";
import type { Api } from "../api/api.ts";
import { useConsole } from "../api/context.ts";
import { everyPage } from "../api/every-page.ts";
import { useAnswer } from "../api/use-answer.ts";
import { instant } from "../format/days.ts";
import type { Key } from "../words/english.ts";
import { type Say, useWords } from "../words/words.ts";
import { Card } from "./card.tsx";
import { Cut } from "./cut.tsx";
import { Loaded } from "./loaded.tsx";
import { Table } from "./table.tsx";

type Row = z.infer<typeof Member>;

interface Named {
  readonly id: string;
  readonly name: string;
}

const WORDS: Readonly<Record<MemberRole, { readonly name: Key; readonly may: Key }>> = {
  viewer: { name: "roleViewer", may: "mayViewer" },
  billing: { name: "roleBilling", may: "mayBilling" },
  admin: { name: "roleAdmin", may: "mayAdmin" },
};

/** Who sees a client, with their roles, and the way to invite, change and remove them. */
export function MembersCard({ client, wide = false }: {
  readonly client: Named;
  readonly wide?: boolean;
}) {
  const { api } = useConsole();
  const { say } = useWords();
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
    <Card title={say("members")} wide={wide} aside={<Act act={invite(api, client, say)} />}>
      <Loaded answer={answer}>
        {({ rows, isWhole }) => (
          <>
            <Table
              label={say("members")}
              none={say("noMembers")}
              rows={rows}
              keyOf={({ id }) => id}
              columns={[
                {
                  title: say("user"),
                  cell: ({ email, id }) => email ?? <code>{id.slice(0, 8)}</code>,
                },
                { title: say("role"), cell: ({ role }) => say(WORDS[role].name) },
                {
                  title: say("since"),
                  cell: ({ user_id, created_at }) =>
                    user_id === null
                      ? say("invitedOn", { date: instant(created_at) })
                      : instant(created_at),
                  isMinor: true,
                },
                {
                  title: say("acts"),
                  cell: (row) => (
                    <div class="acts">
                      <Act act={changeRole(api, row, say)} />
                      <Act act={remove(api, client, row, say)} />
                    </div>
                  ),
                },
              ]}
            />
            <Cut shown={rows.length} isWhole={isWhole} />
          </>
        )}
      </Loaded>
    </Card>
  );
}

function invite(api: Api, client: Named, say: Say): ActOf<Row> {
  return {
    name: say("invite"),
    title: say("inviteTitle"),
    look: "main",
    fields: [
      { name: "email", label: say("email"), kind: "email", required: true },
      roleField(say),
    ],
    preview: ({ email = "", role }) =>
      known(<p>{say("inviteText", { email, client: client.name, ...explained(role, say) })}</p>),
    run: async ({ email = "", role }, idempotencyKey) => {
      const sent = await api.invite(email);
      if (sent.error !== null) return sent;
      return await api.billing(addMember, {
        params: { client_id: client.id },
        body: { email, role: roleOf(role) },
        idempotencyKey,
      });
    },
  };
}

function changeRole(api: Api, { id, client_id, email, role }: Row, say: Say): ActOf<Row> {
  const user = email ?? id;
  return {
    name: say("changeRole"),
    title: say("changeRoleTitle", { user }),
    fields: [{ ...roleField(say), value: role }],
    preview: ({ role }) => known(<p>{say("changeRoleText", { user, ...explained(role, say) })}</p>),
    run: ({ role }, idempotencyKey) =>
      api.billing(updateMember, {
        params: { client_id, member_id: id },
        body: { role: roleOf(role) },
        idempotencyKey,
      }),
  };
}

function remove(api: Api, client: Named, { id, email }: Row, say: Say): ActOf<Row> {
  const user = email ?? id;
  return {
    name: say("removeMember"),
    title: say("removeMemberTitle", { user }),
    look: "bad",
    preview: () => known(<p>{say("removeMemberText", { user, client: client.name })}</p>),
    run: () => api.billing(removeMember, { params: { client_id: client.id, member_id: id } }),
  };
}

function roleField(say: Say): Field {
  return {
    name: "role",
    label: say("role"),
    options: MEMBER_ROLES.map((role) => [role, say(WORDS[role].name)]),
  };
}

function roleOf(value: string | undefined): MemberRole {
  return MEMBER_ROLES.find((role) => role === value) ?? "viewer";
}

function explained(value: string | undefined, say: Say) {
  const { name, may } = WORDS[roleOf(value)];
  return { role: say(name), may: say(may) };
}
