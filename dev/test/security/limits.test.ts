import { deepStrictEqual, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { MAX_CALLS, MAX_EVENTS, MAX_FEATURES } from "../../../shared/api/events.ts";
import { paging } from "../../../shared/api/fields.ts";
import { SHOWN_LINES } from "../../../shared/api/invoices.ts";
import { MOST_OPEN_TOP_UPS } from "../../../shared/api/top-ups.ts";
import * as bounds from "../../../shared/document/bounds.ts";
import * as limits from "../../../supabase/functions/_shared/http/caller-limits.ts";
import * as cut from "../../../supabase/functions/deliver/outbound/cut-text.ts";
import { LIMITS } from "../../../supabase/functions/deliver/worker.ts";
import { repositoryRoot } from "../../platform/repository.ts";

const page = await Deno.readTextFile(join(repositoryRoot, "docs", "limits.md"));

/** Cells after the first, of each row by its first. */
const rows = new Map(
  page.split("\n").filter((line) => line.startsWith("| ")).map((line) => {
    const [name = "", ...cells] = line.split("|").slice(1, -1).map((cell) => cell.trim());
    return [name, cells] as const;
  }),
);
const whole = (value: number) => value.toLocaleString("en-US");
const { member, operator, agent, service, cron, stripe, address } = limits.CALLER_LIMITS;

Deno.test("limits of callers in docs/limits.md are those of the code", () => {
  const found = (name: string) => rows.get(name)?.slice(0, 3);
  const said = (
    { atOnce, waiting, perMinute }: typeof member,
  ) => [whole(atOnce), whole(waiting), perMinute === null ? "–" : whole(perMinute)];
  deepStrictEqual(found("a member (each user)"), said(member));
  deepStrictEqual(found("an operator (each user)"), said(operator));
  deepStrictEqual(found("an agent with a key of its own, each"), said(agent));
  deepStrictEqual(found("secret key `agent`, all agents together"), said(agent));
  deepStrictEqual(found("keys `default` and `cron`"), said(service));
  deepStrictEqual(said(cron), said(service));
  deepStrictEqual(found("Stripe, by its signature"), said(stripe));
  deepStrictEqual(found("without valid credentials, an address"), said(address));
  const perMinute = address.perMinute ?? 0;
  const all = whole(perMinute * limits.ADDRESSES_AT_ONCE);
  deepStrictEqual(found("without valid credentials, all addresses"), ["–", "–", all]);
  const preflights = whole(perMinute * limits.PREFLIGHTS_PER_ANSWER);
  deepStrictEqual(found("preflights (`OPTIONS`), an address"), ["–", "–", preflights]);
  const { room, waiting, withinMs } = limits.CAPACITY;
  deepStrictEqual(found("a function, all callers"), [whole(room), whole(waiting), "–"]);
  match(rows.get("a function, all callers")?.[3] ?? "", new RegExp(`${withinMs / 1000} s of wait`));
});

Deno.test("other limits in docs/limits.md are those of the code", async () => {
  const { maximum } = z.object({ maximum: z.int() })
    .parse(z.toJSONSchema(paging.limit, { io: "input", unrepresentable: "any" }));
  const setting = await Deno.readTextFile(
    join(repositoryRoot, "supabase/schemas/10_parties/settings.sql"),
  );
  const topUps = await Deno.readTextFile(
    join(repositoryRoot, "supabase/schemas/50_invoicing/top_ups/request.sql"),
  );
  match(topUps, new RegExp(`most_open_top_ups\\(\\).* immutable\\s+return ${MOST_OPEN_TOP_UPS};`));
  const said: Readonly<Record<string, string>> = {
    "time for a body to arrive": `${limits.BODY_WITHIN_MS / 1000} s`,
    "bodies being received, one caller":
      `${member.receiving} (member) to ${service.receiving} (keys)`,
    "bodies being received, all callers": whole(limits.RECEIVING),
    "bytes of bodies held, one caller and all": `${whole(limits.HELD_BYTES_EACH)} and ${
      whole(limits.HELD_BYTES)
    }`,
    "items of a page": whole(maximum),
    "lines shown with an invoice": whole(SHOWN_LINES),
    "events of `ingest-usage`": whole(MAX_EVENTS),
    "features of a log row": whole(MAX_FEATURES),
    "calls that a log row stands for": `1 to ${whole(MAX_CALLS)}`,
    "top-ups of a client that are unpaid": whole(MOST_OPEN_TOP_UPS),
    "lines on paper": whole(bounds.MOST_LINES),
    "sums of the rest": whole(bounds.MOST_GROUPS),
    "lines of the annex (CSV within the PDF)": whole(bounds.MOST_ANNEX_LINES),
    "lines, agents of a file of JSON": whole(bounds.MOST_ANNEX_LINES),
    "agents on paper": whole(bounds.MOST_AGENTS),
    "description, small print, agent's name": `${bounds.MOST_CHARACTERS} characters`,
    "one try": `${LIMITS.deliveryMs / 1000} s`,
    "a message by HERMES to Telegram": `${whole(cut.TELEGRAM_CHARACTERS)} characters`,
    "a message by HERMES elsewhere, by mail": `${whole(cut.MESSAGE_CHARACTERS)} characters`,
    "the subject of a mail": `${cut.SUBJECT_CHARACTERS} characters`,
  };
  const found = Object.fromEntries(Object.keys(said).map((name) => [name, rows.get(name)?.[0]]));
  deepStrictEqual(found, said);
  for (const name of ["usage records of a client's day", "tries"]) {
    const column = /`(\w+)`/.exec(rows.get(name)?.[0] ?? "")?.[1] ?? "none";
    ok(new RegExp(`\\b${column} \\w+ not null default`).test(setting), column);
  }
});
