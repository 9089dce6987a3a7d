import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { anchorBefore, parseInstant } from "../../shared/rater/calendar.ts";
import { parseDecimal } from "../../shared/rater/fraction.ts";
import type { CreditEvent, CreditGrant } from "./credit-events.ts";
import { creditAt, replayCredits } from "./credits.ts";

const at = (day: string) => parseInstant(`${day} 12:00:00+00`);
const midnight = (day: string) => parseInstant(`${day} 00:00:00+00`);
const calendar = {
  dayOf: (_client: string, instant: bigint) =>
    new Date(Number(instant / 1000n)).toISOString().slice(0, 10),
  periodOf: (_client: string, day: string) => anchorBefore(day, 1),
};

function grant(id: string, amount: bigint, change: Partial<CreditGrant> = {}): CreditEvent {
  const granted = at("2026-06-01");
  return {
    do: "grant",
    at: granted,
    grant: {
      id,
      client: "A",
      kind: "paid",
      currency: "USD",
      amount,
      priority: 50,
      granted,
      from: granted,
      until: null,
      metrics: null,
      models: null,
      agents: null,
      continues: null,
      bought: null,
      taxed: null,
      ...change,
    },
  };
}

function invoice(total: bigint, ...amounts: bigint[]): CreditEvent {
  const lines = amounts.map((amount, place) => ({
    id: `line ${place}`,
    amount,
    metric: place === 0 ? "web_searches" : null,
    model: null,
    agent: null,
  }));
  const issued = { id: "#1", client: "A", currency: "USD", total, period: "2026-06-01", lines };
  return { do: "invoice", at: at("2026-07-01"), invoice: issued };
}

const rated = (...events: CreditEvent[]) =>
  replayCredits(events, calendar).map((entry) =>
    [entry.grant, entry.kind, entry.amount, entry.line ?? "-"].join(" ")
  );

Deno.test("tax of a purchase moves with the credit; the last movement brings it to zero", () => {
  // 10.00 contain 1.67 of 20 %; 7.00 of them 1.17, 3.00 0.50, 5.50 0.92. The new grant has the 0.92:
  // 4.50 of it 0.75.
  const later = { granted: at("2026-08-01"), from: at("2026-08-01") };
  const entries = replayCredits([
    grant("a", 1000n, { bought: "#0", taxed: { total: 1000n, rates: [parseDecimal("20")] } }),
    invoice(700n, 300n, 400n),
    { do: "credit", at: at("2026-07-02"), invoice: "#1", amount: 250n, offDue: 0n },
    grant("b", 550n, { kind: "rollover", continues: "a", until: midnight("2026-09-01"), ...later }),
    { do: "dispute", at: at("2026-08-02"), invoice: "#0", amount: 100n },
  ], calendar);
  deepStrictEqual(entries.map(({ grant, kind, tax }) => `${grant} ${kind} ${tax}`), [
    "a grant 167",
    "a use -50",
    "a use -67",
    "a return 42",
    "a rollover -92",
    "b grant 92",
    "b expiry -92",
    "b withdrawal -17",
    "b release 17",
  ]);
});

Deno.test("grants pay in their order, each line its share of the total, in their scope", () => {
  // 3.00 and 1.00 with 10 % on top: 3.30 and 1.10. "b" pays searches alone: 3.00 of 3.30.
  deepStrictEqual(
    rated(
      grant("a", 500n),
      grant("b", 300n, { priority: 1, metrics: ["web_searches"] }),
      invoice(440n, 300n, 100n),
    ),
    [
      "a grant 500 -",
      "b grant 300 -",
      "b use -300 line 0",
      "a use -30 line 0",
      "a use -110 line 1",
    ],
  );
});

Deno.test("parts of a total are rounded so that they add up", () => {
  // 1.00 over three charges of 1: 33, 34 and 33 cents.
  deepStrictEqual(rated(grant("a", 500n), invoice(100n, 1n, 1n, 1n)).slice(1), [
    "a use -33 line 0",
    "a use -34 line 1",
    "a use -33 line 2",
  ]);
});

Deno.test("a grant that expires before the period pays nothing, one within it all it has", () => {
  const june = (until: string) =>
    rated(grant("a", 500n, { until: midnight(until) }), invoice(100n, 100n)).slice(2);
  deepStrictEqual(june("2026-06-01"), []);
  deepStrictEqual(june("2026-06-02"), ["a use -100 line 0", "a release 100 line 0"]);
});

Deno.test("a credit gives money back first, then the last use; what has expired moves on", () => {
  const events: CreditEvent[] = [
    grant("a", 300n, { priority: 1 }),
    grant("b", 200n, { until: midnight("2026-07-02") }),
    invoice(1000n, 1000n),
    { do: "credit", at: at("2026-07-03"), invoice: "#1", amount: 800n, offDue: 100n },
  ];
  // 10.00: 3.00 of a, 2.00 of b, 5.00 of which 1.00 was due and 4.00 were paid: 3.00 come back.
  deepStrictEqual(rated(...events).slice(-5), [
    "b return 200 line 0",
    "b reopening -200 line 0",
    "b transfer -200 line 0",
    "b release 200 line 0",
    "a return 100 line 0",
  ]);
  strictEqual(creditAt(replayCredits(events, calendar), at("2026-07-03")), 100n);
});

Deno.test("of one grant the last line comes back first", () => {
  const events: CreditEvent[] = [
    grant("a", 400n),
    invoice(400n, 100n, 300n),
    { do: "credit", at: at("2026-07-03"), invoice: "#1", amount: 350n, offDue: 0n },
  ];
  deepStrictEqual(rated(...events).slice(-2), ["a return 300 line 1", "a return 50 line 0"]);
});

Deno.test("a rollover takes what is left, also where that has expired", () => {
  const events: CreditEvent[] = [
    grant("a", 300n, { until: midnight("2026-07-02") }),
    invoice(100n, 100n),
    {
      ...grant("b", 200n, {
        kind: "rollover",
        continues: "a",
        granted: at("2026-07-05"),
        from: at("2026-07-05"),
      }),
      at: at("2026-07-05"),
    },
    { do: "void", at: at("2026-07-06"), invoice: "#1" },
  ];
  const entries = replayCredits(events, calendar);
  strictEqual(creditAt(entries, midnight("2026-07-02") - 1n), 200n);
  strictEqual(creditAt(entries, midnight("2026-07-02")), 0n);
  strictEqual(creditAt(entries, at("2026-07-05")), 200n);
  // The 1.00 comes back after its expiry: to the balance, not to a grant.
  strictEqual(creditAt(entries, at("2026-07-06")), 200n);
});

Deno.test("unused bought credit is taken back, also where another grant continues it", () => {
  // 5.00 bought by "#0", 2.00 rolled over to "b" after 3.00 were used: 4.00 disputed take 2.00.
  deepStrictEqual(
    rated(
      grant("a", 500n, { bought: "#0" }),
      invoice(300n, 300n),
      grant("b", 200n, { continues: "a", from: at("2026-07-02"), granted: at("2026-07-02") }),
      { do: "dispute", at: at("2026-07-03"), invoice: "#0", amount: 400n },
    ),
    [
      "a grant 500 -",
      "a use -300 line 0",
      "a rollover -200 -",
      "b grant 200 -",
      "b withdrawal -200 -",
    ],
  );
  // A credit note of 4.00, of which 1.00 was taken off what was due.
  const bought = grant("a", 500n, { bought: "#0", until: midnight("2026-07-01") });
  const note = { do: "credit", invoice: "#0", amount: 400n, offDue: 100n } as const;
  deepStrictEqual(
    rated(bought, { ...note, at: at("2026-06-30") }),
    ["a grant 500 -", "a expiry -500 -", "a withdrawal -300 -", "a release 300 -"],
  );
  // Expired, it is taken while June's invoice would still use it, and not once that is issued.
  deepStrictEqual(
    rated(bought, { ...note, at: at("2026-07-01") }).slice(2),
    ["a withdrawal -300 -", "a release 300 -"],
  );
  deepStrictEqual(
    rated(bought, invoice(100n, 100n), { ...note, at: at("2026-07-02") }).slice(2),
    ["a use -100 line 0", "a release 100 line 0"],
  );
  deepStrictEqual(
    rated(
      bought,
      invoice(100n, 100n),
      { do: "void", at: at("2026-07-02"), invoice: "#1" },
      { ...note, at: at("2026-07-03") },
    ).slice(-4),
    [
      "a transfer -100 line 0",
      "a release 100 line 0",
      "a withdrawal -300 -",
      "a release 300 -",
    ],
  );
});

Deno.test("credit is taken back for money gone before the grant, and for use given back after", () => {
  const dispute = (day: string, amount: bigint): CreditEvent => ({
    do: "dispute",
    at: at(day),
    invoice: "#0",
    amount,
  });
  // 2.00 of 5.00 were disputed before the rest was paid.
  deepStrictEqual(rated(dispute("2026-05-31", 200n), grant("a", 500n, { bought: "#0" })), [
    "a grant 500 -",
    "a withdrawal -200 -",
  ]);
  // A dispute of May that was booked after the grant of June takes what the grant begins with.
  deepStrictEqual(rated(grant("a", 500n, { bought: "#0" }), dispute("2026-05-31", 200n)), [
    "a grant 500 -",
    "a withdrawal -200 -",
  ]);
  // 3.00 of 5.00 are used, 4.00 are disputed: 2.00 are taken, and 2.00 of 3.00 that come back.
  deepStrictEqual(
    rated(
      grant("a", 500n, { bought: "#0" }),
      invoice(300n, 300n),
      dispute("2026-07-03", 400n),
      { do: "credit", at: at("2026-07-04"), invoice: "#1", amount: 300n, offDue: 0n },
    ).slice(2),
    ["a withdrawal -200 -", "a return 300 line 0", "a withdrawal -200 -"],
  );
});
