import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { parseKillers, printKillers, withKiller } from "./killers.ts";
import { choose, type Mutant, mutantsOf } from "./mutants.ts";
import { Neighbourhood } from "./nearest.ts";
import { statementsOf } from "./statements.ts";

/** What the rule makes of the body of a function, each slip as the whole body. */
function slips(rule: string, body: string): string[] {
  const head = "create function billing.f() returns void language sql as $$ ";
  return mutantsOf("f.sql", `${head}${body} $$;`).filter((mutant) => mutant.rule === rule)
    .map(({ sql }) => sql.slice(head.length, -4).replace(/\s+/g, " ").trim());
}

Deno.test("bounds and comparisons are moved by one, other operators are left alone", () => {
  deepStrictEqual(slips("comparison", "select a where b <= 1 and c -> 'x' = d and e @> f"), [
    "select a where b < 1 and c -> 'x' = d and e @> f",
    "select a where b <= 1 and c -> 'x' <> d and e @> f",
  ]);
  deepStrictEqual(slips("comparison", "update t set a = 1, b = 2 where c > 3"), [
    "update t set a = 1, b = 2 where c >= 3",
  ]);
  deepStrictEqual(
    slips("comparison", "update t set a = case when b = 1 then 2 end, c = 4 from u"),
    [
      "update t set a = case when b <> 1 then 2 end, c = 4 from u",
    ],
  );
});

Deno.test("one condition of several is dropped; the two of `between` are one", () => {
  deepStrictEqual(slips("condition", "select 1 from t where a and b between 1 and 2 and c"), [
    "select 1 from t where b between 1 and 2 and c",
    "select 1 from t where a and c",
    "select 1 from t where a and b between 1 and 2",
  ]);
  deepStrictEqual(slips("condition", "select 1 from t where (a or b) order by c"), [
    "select 1 from t order by c",
  ]);
  deepStrictEqual(slips("condition", "select case when a and b then 1 end"), [
    "select case when b then 1 end",
    "select case when a then 1 end",
  ]);
});

Deno.test("filters, locks and conflict arms are forgotten", () => {
  deepStrictEqual(slips("filter", "select sum(a) filter (where (b) > 0) from t"), [
    "select sum(a) from t",
  ]);
  deepStrictEqual(slips("lock", "select a from t limit 1 for update skip locked;"), [
    "select a from t limit 1 ;",
    "select a from t limit 1 for update ;",
  ]);
  deepStrictEqual(slips("lock", "select pg_advisory_xact_lock(f(1)); select 2;"), ["select 2;"]);
  deepStrictEqual(slips("lock", "lock table a in share mode; perform billing.lock_books(); b;"), [
    "perform billing.lock_books(); b;",
    "lock table a in share mode; b;",
  ]);
  deepStrictEqual(slips("conflict", "insert into t values (1) on conflict (a) do nothing;"), [
    "insert into t values (1) ;",
  ]);
  deepStrictEqual(
    slips("conflict", "insert into t values (1) on conflict (a) do update set b = 2 where c;"),
    ["insert into t values (1) on conflict (a) do nothing;"],
  );
});

Deno.test("order, signs, extremes, defaults, sets and negations are turned", () => {
  deepStrictEqual(
    slips("order", "select distinct on (a, f(b, c)) d from t order by a, f(b, c), e"),
    [
      "select distinct on (a, f(b, c)) d from t order by a, f(b, c), e desc",
    ],
  );
  deepStrictEqual(slips("order", "select a from t order by b desc, f(c, d) limit 1"), [
    "select a from t order by b asc, f(c, d) limit 1",
    "select a from t order by b desc, f(c, d) desc limit 1",
  ]);
  deepStrictEqual(slips("sign", "select a - b, -c, d - 'key'"), [
    "select a + b, -c, d - 'key'",
    "select a - b, c, d - 'key'",
  ]);
  deepStrictEqual(slips("extreme", "select greatest(a, least, max(b))"), [
    "select least(a, least, max(b))",
    "select greatest(a, least, min(b))",
  ]);
  deepStrictEqual(slips("coalesce", "select coalesce(f(a, b), c, d)"), [
    "select coalesce(f(a, b))",
  ]);
  deepStrictEqual(slips("union", "select 1 union all select 2 union select 3"), [
    "select 1 union select 2 union select 3",
    "select 1 union all select 2 union all select 3",
  ]);
  deepStrictEqual(slips("distinct", "select distinct a from t where b is distinct from c"), [
    "select a from t where b is distinct from c",
  ]);
  deepStrictEqual(slips("negation", "select a is not null where not exists (select)"), [
    "select a is null where not exists (select)",
    "select a is not null where exists (select)",
  ]);
});

Deno.test("messages, comments and settings are not mutated", () => {
  const all = (sql: string) => mutantsOf("f.sql", sql).map((mutant) => mutant.rule);
  deepStrictEqual(all("comment on function billing.f is 'a < b';"), []);
  deepStrictEqual(all("insert into t values (1 - 2);"), []);
  deepStrictEqual(
    all(
      "create function f(a int default 1 - 2) returns int language sql set x = '1' as $$ -- a < b\n$$;",
    ),
    [],
  );
  deepStrictEqual(slips("coalesce", "select format('%s', coalesce(a, b)), coalesce(c, d)"), [
    "select format('%s', coalesce(a, b)), coalesce(c)",
  ]);
});

Deno.test("rights are forgotten or given to a role too many", () => {
  const rights = (sql: string) => mutantsOf("f.sql", sql).map((mutant) => mutant.sql);
  deepStrictEqual(rights("grant select on t to service_role;"), [
    "",
    "grant select on t to service_role, authenticated;",
  ]);
  deepStrictEqual(rights("grant select on t to authenticated, service_role;"), [""]);
  deepStrictEqual(rights("revoke all on t from anon;"), []);
  deepStrictEqual(rights("revoke all on billing.t from public;"), []);
  deepStrictEqual(rights("revoke all on function billing.f(int) from public;"), [""]);
  deepStrictEqual(rights("revoke all on all routines in schema billing from public;"), [""]);
});

Deno.test("files are cut into statements, bodies stay whole and lines are right", () => {
  const text = `-- a; b
create function billing.a(x int) returns bool language sql as $x$
  select '; $$' = ';';
  select x > 1;
$x$;
create function billing.b() returns int language sql
begin atomic
  select case when 1 < 2 then 3 end;
end;
create view billing.c as select 4 where 5 < 6;`;
  deepStrictEqual(statementsOf("f.sql", text).map(({ object, line }) => [object, line]), [
    ["billing.a", 2],
    ["billing.b", 6],
    ["billing.c", 10],
  ]);
  const found = mutantsOf("f.sql", text).filter(({ rule }) => rule === "comparison");
  deepStrictEqual(found.map(({ line, after }) => [line, after]), [
    [3, "select '; $$' <> ';';"],
    [4, "select x >= 1;"],
    [8, "select case when 1 <= 2 then 3 end;"],
    [10, "create view billing.c as select 4 where 5 <= 6;"],
  ]);
});

Deno.test("a seed chooses the same again, from each rule in turn", () => {
  const mutants = mutantsOf(
    "f.sql",
    "create view v as select 1 from t where a < b and c < d and e < f order by g;",
  );
  const chosen = choose(mutants, 7, 3);
  deepStrictEqual(chosen, choose([...mutants].reverse(), 7, 3));
  strictEqual(new Set(chosen.map(({ rule }) => rule)).size, 3);
  strictEqual(choose(mutants, 7, 100).length, mutants.length);
  const ranks = (count: number) => choose(mutants, 7, count, false).map(({ identity }) => identity);
  deepStrictEqual(ranks(3), ranks(100).slice(0, 3));
});

Deno.test("a change of one function leaves every slip elsewhere in its place", () => {
  const bodies = Array.from(
    { length: 30 },
    (_, n) =>
      `create function billing.f${n}(a int, b int) returns bool return a < ${n} and b > ${n + 1};`,
  );
  const chosen = (texts: readonly string[]) =>
    choose(texts.flatMap((text, n) => mutantsOf(`f${n}.sql`, text)), 7, 20);
  const before = chosen(bodies);
  for (const changed of bodies.keys()) {
    const object = `billing.f${changed}`;
    const texts = bodies.map((text, n) =>
      n === changed ? text.replace("return a", "return /* now */ a > b or\n\n  a") : text
    );
    const after = chosen(texts);
    const isOwn = ({ statement }: Mutant) => statement.object === object;
    // Only what the changed function puts into the choice makes others leave it.
    const places = new Set(after.map(({ identity }) => identity));
    const lost = before.filter((mutant) => !isOwn(mutant) && !places.has(mutant.identity));
    ok(lost.length <= after.filter(isOwn).length, `${object}: ${lost.length} lost`);
  }
});

Deno.test("comments, spaces and distant lines are no part of what makes a slip this one", () => {
  const body = (head: string, tail: string) =>
    `create function billing.f(a int) returns int language sql as $$
  select 1 from one, two, three, four, five ${head}
  where a < 1
  group by six, seven, eight, nine, ten ${tail}
$$;`;
  const identities = (sql: string) =>
    mutantsOf("f.sql", sql).filter(({ rule, before }) =>
      rule === "comparison" && /a < 1/.test(before)
    )
      .map(({ identity }) => identity);
  deepStrictEqual(
    identities(body("-- a comment\n", "order by 1")),
    identities(body("", "limit 3")),
  );
  const twice = mutantsOf("f.sql", `${body("", "")}\n${body("", "")}`);
  strictEqual(new Set(twice.map(({ identity }) => identity)).size, twice.length);
});

Deno.test("tests that noticed a slip of an object before run first", () => {
  const killers = withKiller(parseKillers("billing.a x.sql\n"), "billing.a", "20_usage/none.sql");
  strictEqual(printKillers(killers), "billing.a 20_usage/none.sql x.sql\n");
  const near = new Neighbourhood([], [
    { file: "supabase/tests/30_pricing/none.sql", text: "select billing.a();" },
    { file: "supabase/tests/20_usage/none.sql", text: "select 1;" },
  ], killers);
  deepStrictEqual(near.testsOf("billing.a"), [
    "supabase/tests/20_usage/none.sql",
    "supabase/tests/30_pricing/none.sql",
  ]);
});

Deno.test("the nearest tests are those that name the object, then its callers", () => {
  const statements = statementsOf(
    "f.sql",
    `create function billing.inner_one() returns int return 1 + 1;
    create function billing.outer_one() returns int return billing.inner_one();`,
  );
  const near = new Neighbourhood(statements, [
    { file: "none.sql", text: "select 1;" },
    { file: "outer.sql", text: "select billing.outer_one();" },
    { file: "inner.sql", text: "select billing.inner_one();" },
  ]);
  deepStrictEqual(near.testsOf("billing.inner_one"), ["inner.sql", "outer.sql", "none.sql"]);
  ok(near.testsOf("billing.unknown").length === 3);
  near.learn(
    new Map([
      ["inner.sql", { called: new Set(["inner_one"]), isGreen: false }],
      ["outer.sql", { called: new Set(["outer_one"]), isGreen: true }],
      ["none.sql", { called: new Set<string>(), isGreen: true }],
    ]),
  );
  deepStrictEqual(near.testsOf("billing.inner_one"), ["outer.sql"]);
});
