import { deepStrictEqual } from "node:assert/strict";
import { anchorBefore, parseInstant } from "../../shared/rater/calendar.ts";
import { parseDecimal, ZERO } from "../../shared/rater/fraction.ts";
import type { ChargedSection, CreditEvent, CreditGrant, SectionLine } from "./credit-events.ts";
import { replayCredits } from "./credits.ts";

const at = (day: string) => parseInstant(`${day} 12:00:00+00`);
const midnight = (day: string) => parseInstant(`${day} 00:00:00+00`);
const calendar = {
  dayOf: (_client: string, instant: bigint) =>
    new Date(Number(instant / 1000n)).toISOString().slice(0, 10),
  periodOf: (_client: string, day: string) => anchorBefore(day, 1),
};

function grant(id: string, amount: bigint, change: Partial<CreditGrant> = {}): CreditEvent {
  const granted = at("2026-06-01");
  const scope = { metrics: null, models: null, agents: null };
  return {
    do: "grant",
    at: granted,
    grant: {
      id,
      client: "A",
      kind: "promotional",
      currency: "USD",
      amount,
      priority: 50,
      granted,
      from: granted,
      until: null,
      ...scope,
      continues: null,
      bought: null,
      taxed: null,
      ...change,
    },
  };
}

/** Lines of June on invoice `#1`: `web_searches 300`, `discount -100`, `credit a web_searches`. */
function june(day: string, lines: readonly string[], section: Partial<ChargedSection> = {}) {
  const event: CreditEvent = {
    do: "sections",
    at: at(day),
    client: "A",
    sections: [{
      start: "2026-06-01",
      currency: "USD",
      taxes: [],
      isShort: false,
      lines: lines.map((line): SectionLine => {
        const [what = "", amount = "", metric = null] = line.split(" ");
        const isKind = ["minimum", "one_off", "discount"].includes(what);
        const blank = { invoice: "#1", id: null, model: null, agent: null, metric: null };
        return what === "credit"
          ? {
            ...blank,
            kind: "promotional_credit",
            metric,
            amount: 0n,
            grant: amount,
            id: ["of", amount, metric].filter((part) => part !== null).join(" "),
          }
          : {
            ...blank,
            kind: isKind ? what : "usage",
            metric: isKind ? null : what,
            amount: BigInt(amount),
            grant: null,
          };
      }),
      ...section,
    }],
  };
  return event;
}

const moves = (...events: CreditEvent[]) =>
  replayCredits(events, calendar).filter(({ kind }) => kind !== "grant" && kind !== "expiry")
    .map(({ grant: id, kind, amount, line }) => [id, kind, amount, line ?? "-"].join(" "));

Deno.test("credit takes what discounts leave, in burn order, and leaves none to paid credit", () => {
  // 3.00 and 1.00 less 1.00 are 2.25 and 0.75: "b" takes 2.25 and 0.25, "a" the other 0.50.
  deepStrictEqual(
    moves(
      grant("paid", 600n, { kind: "paid", priority: 0 }),
      grant("a", 500n),
      grant("b", 250n, { priority: 1 }),
      june("2026-07-01", [
        "web_searches 300",
        "minimum 100",
        "discount -100",
        "credit a",
        "credit b web_searches",
        "credit b",
      ]),
    ),
    ["b discount -225 of b web_searches", "b discount -25 of b", "a discount -50 of a"],
  );
});

Deno.test("so much is left as taxes on items in favour come to", () => {
  // 3 % of 1.99 in favour, beside 1.99 of which 1.66 are without the 20 % that they contain.
  const taxes = [
    { rate: parseDecimal("3"), contained: ZERO, appliesTo: null },
    { rate: ZERO, contained: parseDecimal("20"), appliesTo: ["minimum"] },
  ];
  deepStrictEqual(
    moves(
      grant("a", 900n),
      june("2026-07-01", ["minimum 900", "one_off -199", "credit a"], { taxes }),
    ),
    ["a discount -700 of a"],
  );
});

Deno.test("no more is taken than is charged in all, items included", () => {
  deepStrictEqual(
    moves(
      grant("a", 900n),
      june("2026-07-01", ["web_searches 500", "one_off -200", "credit a web_searches"]),
    ),
    ["a discount -300 of a web_searches"],
  );
});

Deno.test("later usage takes what is left; what was charged before takes none of a later grant", () => {
  deepStrictEqual(
    moves(
      grant("a", 100n),
      june("2026-07-01", ["web_searches 1000", "credit a web_searches"]),
      { ...grant("b", 500n, { granted: at("2026-07-02"), from: at("2026-07-02") }) },
      june("2026-08-01", ["web_searches 300", "credit b web_searches"]),
    ),
    ["a discount -100 of a web_searches", "b discount -300 of b web_searches"],
  );
});

Deno.test("less usage gives back what it does not come to; expired, it expires as it comes", () => {
  const until = midnight("2026-07-01");
  const events = [
    grant("a", 400n, { until }),
    june("2026-07-01", ["web_searches 1000", "credit a web_searches"]),
    june("2026-08-01", ["web_searches -800"]),
  ];
  deepStrictEqual(moves(...events), [
    "a discount -400 of a web_searches",
    "a release 400 of a web_searches",
    "a discount_return 200 -",
    "a reopening -200 -",
  ]);
  const last = replayCredits(events, calendar).at(-1);
  deepStrictEqual(last?.at, at("2026-08-01"));
});

Deno.test("where notes leave nothing to credit, what they say comes back, if charges go back", () => {
  const blank = { invoice: "#1", id: null, model: null, agent: null, metric: "web_searches" };
  const notes = (day: string, charges: bigint, back: bigint) =>
    june(day, [], {
      isShort: true,
      lines: [
        { ...blank, kind: "usage", amount: -charges, grant: null },
        { ...blank, kind: "promotional_credit", amount: back, grant: "a" },
      ],
    });
  deepStrictEqual(
    moves(
      grant("a", 500n),
      june("2026-07-01", ["web_searches 1000", "credit a web_searches"]),
      notes("2026-08-01", 300n, 299n),
      notes("2026-08-02", 100n, 150n),
    ),
    [
      "a discount -500 of a web_searches",
      "a discount_return 299 -",
      "a discount_return 100 -",
    ],
  );
});

Deno.test("credit stays for want of room whatever is left of a discount and of items' taxes", () => {
  // 5.00 and 10.00 less 1.50, 1.00 in favour, 4.50 of credit, tax -0.20: 7.80, all of it credited.
  const taxes = [{ rate: parseDecimal("20"), contained: ZERO, appliesTo: ["one_off"] }];
  const blank = { invoice: "#1", id: null, model: null, agent: null, metric: null, grant: null };
  deepStrictEqual(
    moves(
      grant("a", 450n, { metrics: ["units"] }),
      june("2026-07-01", [
        "units 500",
        "web_searches 1000",
        "one_off -100",
        "discount -150",
        "credit a units",
      ], { taxes }),
      june("2026-08-01", [], {
        taxes,
        isShort: true,
        lines: [
          { ...blank, kind: "usage", metric: "units", amount: -52n },
          { ...blank, kind: "usage", metric: "web_searches", amount: -880n },
          { ...blank, kind: "discount", amount: 130n },
          { ...blank, kind: "promotional_credit", metric: "units", amount: 2n, grant: "a" },
        ],
      }),
    ),
    ["a discount -450 of a units", "a discount_return 2 -"],
  );
});

Deno.test("a void gives all back, and credit that expired before the period serves none of it", () => {
  deepStrictEqual(
    moves(
      grant("old", 400n, { until: midnight("2026-06-01"), granted: at("2026-05-01") }),
      grant("a", 400n),
      june("2026-07-01", ["web_searches 100", "credit a web_searches"]),
      {
        do: "invoice",
        at: at("2026-07-01"),
        invoice: {
          id: "#1",
          client: "A",
          currency: "USD",
          total: 0n,
          period: "2026-06-01",
          lines: [],
        },
      },
      { do: "void", at: at("2026-07-02"), invoice: "#1" },
      june("2026-07-03", ["web_searches 100", "credit a web_searches"]),
    ),
    [
      "a discount -100 of a web_searches",
      "a discount_return 100 -",
      "a discount -100 of a web_searches",
    ],
  );
});

Deno.test("each takes in its scope, and of the minimum none that has one", () => {
  deepStrictEqual(
    moves(
      grant("a", 500n, { metrics: ["units"], priority: 2 }),
      grant("b", 900n, { models: ["gpt"], priority: 1 }),
      grant("c", 250n, { priority: 3 }),
      june("2026-07-01", [
        "units 300",
        "web_searches 100",
        "minimum 600",
        "credit a units",
        "credit c web_searches",
        "credit c",
      ]),
    ),
    ["a discount -300 of a units", "c discount -100 of c web_searches", "c discount -150 of c"],
  );
});

Deno.test("new charges take what the scope of other credit has left, and what is recorded stays", () => {
  const later = { granted: at("2026-07-02"), from: at("2026-07-02"), priority: 1 };
  deepStrictEqual(
    moves(
      grant("a", 400n, { metrics: ["units"] }),
      june("2026-07-01", ["units 400", "credit a units"]),
      grant("b", 500n, later),
      june("2026-08-01", ["web_searches 500", "credit b web_searches"]),
      june("2026-09-01", ["web_searches -500", "credit b web_searches"]),
    ),
    [
      "a discount -400 of a units",
      "b discount -500 of b web_searches",
      "b discount_return 500 of b web_searches",
    ],
  );
});

Deno.test("credit whose charges fall moves to others in its scope, which is no movement of it", () => {
  deepStrictEqual(
    moves(
      grant("a", 400n, { metrics: ["units"] }),
      grant("b", 300n),
      june("2026-07-01", ["units 1000", "web_searches 300", "credit a units", "credit b units"]),
      june("2026-08-01", ["units -800", "credit a units"]),
    ),
    [
      "a discount -400 of a units",
      "b discount -300 of b units",
      "a discount_return 200 of a units",
    ],
  );
});

Deno.test("usage that moves out of a scope takes other credit, by no more than comes back", () => {
  deepStrictEqual(
    moves(
      grant("a", 400n, { metrics: ["units"] }),
      june("2026-07-01", ["units 400", "web_searches 900", "credit a units"]),
      grant("b", 9000n, { granted: at("2026-07-02"), from: at("2026-07-02") }),
      june("2026-08-01", [
        "units -400",
        "web_searches 400",
        "credit a units",
        "credit b web_searches",
      ]),
    ),
    [
      "a discount -400 of a units",
      "b discount -400 of b web_searches",
      "a discount_return 400 of a units",
    ],
  );
});
