import { deepStrictEqual, rejects } from "node:assert/strict";
import { z } from "zod";
import type { Route } from "../../../../shared/api/route.ts";
import type { Caller } from "../../_shared/http/authenticate.ts";
import { endpoint } from "../../_shared/api/endpoint.ts";
import { replicaFirst } from "./replica.ts";
import { serve } from "../../_shared/api/serve.ts";
import type { OpenSession, Session } from "../../_shared/api/session.ts";

const caller: Caller = { actor: "service", name: "default", claims: null };

/** Sessions that cannot be used, and the names of those that were opened. */
function twoDatabases() {
  const opened: string[] = [];
  const open = (name: string): OpenSession => (_, work) => {
    opened.push(name);
    const unused = () => Promise.reject(new Error("no database in this test"));
    const session: Session = {
      get sql(): never {
        throw new Error("no database in this test");
      },
      caller,
      asService: unused,
    };
    return work(session);
  };
  return { opened, replica: open("replica"), primary: open("primary") };
}

Deno.test("the replica's answer is taken, and the database is not asked", async () => {
  const { opened, replica, primary } = twoDatabases();
  const read = replicaFirst(replica, primary);
  deepStrictEqual(await read(caller, () => Promise.resolve({ rows: 1 })), { rows: 1 });
  deepStrictEqual(opened, ["replica"]);
});

Deno.test("where the replica fails, the database itself answers, or says what is wrong", async () => {
  const { opened, replica, primary } = twoDatabases();
  const read = replicaFirst(replica, primary);
  let tries = 0;
  const answer = await read(
    caller,
    () => ++tries === 1 ? Promise.reject(new Error("not there yet")) : Promise.resolve({ tries }),
  );
  deepStrictEqual(answer, { tries: 2 });
  deepStrictEqual(opened, ["replica", "primary"]);
  await rejects(read(caller, () => Promise.reject(new Error("unknown"))), /unknown/);
});

Deno.test("a member reads from a replica that has the memberships of now, else from the database", async () => {
  const member: Caller = { actor: "member", name: "ada", claims: null };
  const from = async (asked: Caller, known: Readonly<Record<string, string>>) => {
    const { opened, replica, primary } = twoDatabases();
    const memberships = () => Promise.resolve({ clients: known[opened.at(-1) ?? ""] ?? "" });
    const answer = await replicaFirst(replica, primary, memberships)(
      asked,
      () => Promise.resolve({ from: opened.at(-1) }),
    );
    return answer.from;
  };
  deepStrictEqual(await from(member, { primary: "a,b", replica: "a,b" }), "replica");
  deepStrictEqual(await from(member, { primary: "b", replica: "a,b" }), "primary", "was removed");
  deepStrictEqual(await from(member, { primary: "a,b", replica: "b" }), "primary", "was added");
  deepStrictEqual(await from(caller, { primary: "b", replica: "a" }), "replica", "is no member");
});

Deno.test("only a GET that may lag is read from the replica", async () => {
  const { opened, replica, primary } = twoDatabases();
  const empty = z.strictObject({});
  const base = {
    id: "list",
    method: "GET",
    path: "/test/list",
    summary: "Lists",
    access: ["service"],
    params: empty,
    query: empty,
    body: empty,
    answer: z.strictObject({}),
    status: 200,
  } as const satisfies Route;
  const answer = serve(
    [
      endpoint({ ...base, mayLag: true }, () => Promise.resolve({})),
      endpoint({ ...base, id: "now", path: "/test/now" }, () => Promise.resolve({})),
    ],
    {
      authenticate: () => Promise.resolve(caller),
      openSession: primary,
      openReading: replicaFirst(replica, primary),
      reportError: () => {},
    },
  );
  for (const path of ["/test/list", "/test/now"]) {
    deepStrictEqual((await answer(new Request(`http://h${path}`))).status, 200);
  }
  deepStrictEqual(opened, ["replica", "primary"]);
});
