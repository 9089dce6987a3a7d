/** Makes a step of a move, as far as the state of the world lets it. */
import type { Row } from "../cases/world.ts";
import type { Plan, WorldStep } from "./steps.ts";
import type { Kind, Move } from "./moves.ts";
import { planCall, UNMAPPED } from "./calls.ts";
import { planGrant } from "./credit.ts";
import { addDays, idOf, invoicesOf, type Known, nowOf, type State } from "./state.ts";

type Planner = (state: State, client: Known, move: Move) => Promise<Plan | null> | Plan | null;

export async function planMove(state: State, move: Move): Promise<Plan | null> {
  const key = String.fromCharCode(65 + move.who % state.size);
  const client = state.known.find((known) => known.key === key);
  return client === undefined ? null : await planners[move.kind](state, client, move);
}

const planners: Record<Kind, Planner> = {
  log: planCall,
  late: planCall,
  retract: planCall,
  restate: planCall,
  mirror: planCall,
  difference: planCall,
  run: (state, _, { a }) => {
    const day = addDays(state.day, [31, 31, 17, 9, 2][a % 5] ?? 31);
    // Invoices are named by their number, which begins anew each year.
    if (day > "2026-12-28") return null;
    return { owner: null, step: () => ({ do: "run", at: day }), accepted: () => state.day = day };
  },
  pay: (state, client, { a, b }) =>
    onInvoice(state, client, a, ({ total }, invoice, at) => ({
      do: "pay",
      invoice,
      amount: [total, Math.ceil(total / 2), total + 700][b % 3] ?? total,
      at,
    })),
  credit: (state, client, { a, b, c }) =>
    onInvoice(state, client, a, ({ total }, invoice, at) => ({
      do: "credit",
      invoice,
      amount: [Math.ceil(total * 0.8), Math.ceil(total / 3), 1, null][b % 4] ?? null,
      refund: c % 4 === 3,
      at,
    })),
  void: (state, client, { a }) =>
    onInvoice(state, client, a, (_, invoice, at) => ({ do: "void", invoice, at })),
  regenerate: (state, client, { a }) =>
    onInvoice(
      state,
      client,
      a,
      (_, invoice, at) => ({ do: "regenerate", invoice, at }),
      ["void"],
    ),
  write_off: (state, client, { a }) =>
    onInvoice(state, client, a, (_, invoice, at) => ({ do: "write_off", invoice, at })),
  generate: (state, client, { a }) =>
    own(client, {
      do: "generate",
      key: client.key,
      month: addDays(state.day, -15 - a % 60),
      at: nowOf(state),
    }),
  item: (state, client, { a, b }) => ({
    ...own(client, {
      do: "item",
      key: client.key,
      row: {
        id: idOf(state.names + 1),
        description: "Set-up",
        unit_amount: ["10", "-3", "0.005", "-60", "25.5"][a % 5] ?? "10",
        currency: client.currency,
        item_day: addDays(state.day, b % 70 - 50),
      },
    }),
    accepted: () => state.names += 1,
  }),
  one_off: (state, client) => own(client, { do: "one_off", key: client.key, at: nowOf(state) }),
  grant: planGrant,
  start: planStart,
  end: planEnd,
  return: planReturn,
  pause: (state, client) =>
    isServed(client)
      ? change(client, { status: "paused" }, () => client.away = { why: "paused", day: state.day })
      : null,
  resume: (state, client) =>
    client.away?.why === "paused"
      ? change(client, { status: "active" }, () => comeBack(state, client))
      : null,
  cancel: (state, client) => planSubscription(state, client, "canceled"),
  subscribe: (state, client) => planSubscription(state, client, "active"),
  anchor: (_, client, { a }) => {
    const anchor = [1, 15, 31, 28, 5][a % 5] ?? 1;
    return change(client, { billing_anchor_day: anchor }, () => client.anchor = anchor);
  },
  zone: (_, client, { a }) =>
    change(client, {
      time_zone: [
        "UTC",
        "Europe/Berlin",
        "Pacific/Auckland",
        "America/Los_Angeles",
        "Asia/Kathmandu",
      ][a % 5] ?? "UTC",
    }),
  rename: (state, client) => {
    const name = `${client.key}-${state.names++}`;
    return change(client, { external_id: name }, () => client.externalId = name);
  },
  price: (state, client, { a, b }) =>
    own(client, {
      do: "price",
      key: client.key,
      row: {
        metric: "extra",
        currency: client.currency,
        unit_amount: ["0.5", "0.015", "1", "0"][a % 4] ?? "1",
        effective_from: [null, "2026-06-20", addDays(state.day, 1)][b % 3] ?? "-infinity",
      },
    }),
  config: planConfig,
  mend: planMend,
  default_client: (_, client, { a }) =>
    own(client, { do: "default_client", key: a % 2 === 0 ? client.key : null }),
  assign: (state, client, { a }) => {
    const agent = `AGENT-${a % 2}`;
    return {
      ...own(client, { do: "assign", agent, key: client.key }),
      accepted: () => {
        for (const other of state.known) other.agents.delete(agent);
        client.agents.add(agent);
      },
    };
  },
  map: (_, __, { a }) => {
    const provider = ["openai", "anthropic", "google", "other", "other_inclusive"][a % 5] ??
      "other";
    return { owner: null, step: () => ({ do: "map", model: UNMAPPED, provider }) };
  },
  meter: (state, client, { a }) =>
    own(client, {
      do: "meter",
      key: client.key,
      row: { metric: "units", effective_from: addDays(state.day, 1 + a % 40) },
    }),
};

function own(client: Known, step: WorldStep): Plan {
  return { owner: client.key, step: () => step };
}

function change(client: Known, set: Row, accepted?: () => void): Plan {
  const plan = own(client, { do: "change", key: client.key, set });
  return accepted === undefined ? plan : { ...plan, accepted };
}

async function onInvoice(
  state: State,
  client: Known,
  which: number,
  step: (invoice: { readonly total: number }, number: number, at: string) => WorldStep,
  statuses: readonly string[] = ["open", "paid", "uncollectible"],
): Promise<Plan | null> {
  const all = await invoicesOf(state, client.key);
  const places = all.flatMap((one, place) => statuses.includes(one.status) ? [place] : []);
  const place = places.at(-1 - which % Math.max(places.length, 1));
  const chosen = place === undefined ? undefined : all[place];
  if (place === undefined || chosen === undefined) return null;
  // The moment of now: the step may be asked for again later.
  const now = nowOf(state);
  return { owner: client.key, step: (numberOf) => step(chosen, numberOf(place), now) };
}

function planStart(_: State, client: Known, { a }: Move): Plan | null {
  // Cancelled before it began, it has no first day to be moved.
  if (client.away !== null && client.away.day <= client.startedOn) return null;
  const day = addDays(client.startedOn, [-1, -2, -20, -45, 1, 12][a % 6] ?? -1);
  const [first] = client.gaps;
  if (first !== undefined && day >= first.from) return null;
  return change(client, { started_on: day }, () => client.startedOn = day);
}

/** Not ended, not paused, not without its subscription. */
function isServed(client: Known): boolean {
  return client.endedOn === null && client.away === null;
}

function planEnd(state: State, client: Known, { a }: Move): Plan | null {
  if (client.away !== null) return null;
  const wanted = addDays(state.day, [-20, -50, 0, 5, -2, -80][a % 6] ?? 0);
  const last = client.gaps.at(-1);
  // An end does not reach back over an earlier one.
  const day = last !== undefined && wanted <= addDays(last.until, 2)
    ? addDays(last.until, 3)
    : wanted;
  return change(client, { ended_on: day }, () => client.endedOn = day);
}

function planReturn(state: State, client: Known): Plan | null {
  const { endedOn } = client;
  if (endedOn === null) return null;
  return change(client, { ended_on: null }, () => {
    client.endedOn = null;
    client.backOn = state.day;
    addGap(client, endedOn, state.day);
  });
}

/** Back from a pause, or with a new subscription: the day it went was still served. */
function comeBack(state: State, client: Known): void {
  const { away } = client;
  client.away = null;
  client.backOn = state.day;
  if (away === null) return;
  client.unclear.push({ from: addDays(away.day, -1), until: addDays(away.day, 2) });
  addGap(client, addDays(away.day, 2), state.day);
}

/** West of Greenwich the day before may still run, so that what is said ends a day earlier. */
function addGap(client: Known, from: string, until: string): void {
  const sure = addDays(until, -1);
  if (from < sure) client.gaps.push({ from, until: sure });
  client.unclear.push({ from: from < sure ? sure : from, until: addDays(until, 1) });
}

const noFee: Row = { livemode: false, currency: "usd", customer: "cus_world", items: { data: [] } };

function planSubscription(
  state: State,
  client: Known,
  status: "active" | "canceled",
): Plan | null {
  const ends = status === "canceled";
  const { away, subscription } = client;
  // One that is cancelled may have begun before this world did.
  const mayBe = isServed(client) ? ends || subscription === null : !ends &&
    away?.why === "cancelled";
  if (!mayBe) return null;
  const id = subscription ?? `sub_${client.key}_${state.names}`;
  // An end at the first moment of a day is of the day before, and ends nothing that begins with it.
  const begins = [client.startedOn, client.backOn].includes(state.day);
  const at = `${state.day}T${ends && begins ? "12" : "00"}:00:00Z`;
  const seconds = Date.parse(at) / 1000;
  return {
    ...own(client, {
      do: "subscription",
      key: client.key,
      at,
      says: { ...noFee, id, status, [ends ? "ended_at" : "start_date"]: seconds },
    }),
    accepted: () => {
      state.names += 1;
      client.subscription = ends ? null : id;
      if (ends) client.away = { why: "cancelled", day: state.day };
      else comeBack(state, client);
    },
  };
}

const vat: Row = { name: "VAT", rate_percent: "19", behavior: "exclusive" };
const iva: Row = { name: "IVA", rate_percent: "21", behavior: "inclusive" };
const levy: Row = {
  name: "Levy",
  rate_percent: "1.5",
  behavior: "exclusive",
  applies_to: ["units", "minimum", "one_off"],
};

/** Changes prices or config in place; refused where a settled period was charged by them. */
function planMend(state: State, client: Known, { a, b, c }: Move): Plan {
  const terms: readonly Row[] = [
    { free_units: [0, 10, 50][b % 3] ?? 0 },
    { class_multipliers: { batch: ["0.5", "1"][b % 2] ?? "1" } },
    { effective_until: addDays(state.day, c % 90 - 60) },
    { effective_from: addDays(state.day, c % 90 - 60) },
    { per_units: [1, 40][b % 2] ?? 1 },
  ];
  const configs: readonly Row[] = [
    { minimum_minor: [0, 5000, 777][b % 3] ?? 0 },
    { discount_percent: "25", discount_minor: null },
    { discount_until: addDays(state.day, c % 90 - 60) },
    { taxes: [[], [vat]][b % 2] ?? [] },
    { line_grouping: b % 2 === 0 ? "model" : "agent" },
    { grace_hours: [0, 72, 240][b % 3] ?? 0 },
  ];
  const isPrice = a % 2 === 0;
  return own(client, {
    do: "mend",
    what: isPrice ? "prices" : "billing_config",
    key: client.key,
    set: (isPrice ? terms[c % terms.length] : configs[c % configs.length]) ?? {},
  });
}

function planConfig(state: State, client: Known, { a, b, c }: Move): Plan {
  const discounts: readonly Row[] = [
    {},
    { discount_percent: "12.5" },
    { discount_minor: 400 },
    { discount_percent: "100" },
  ];
  return own(client, {
    do: "config",
    key: client.key,
    from: addDays(state.day, 2 + a % 40),
    row: {
      currency: client.currency,
      minimum_minor: [0, 5000, 777][b % 3] ?? 0,
      taxes: [[], [vat], [iva], [vat, levy], [iva, levy]][c % 5] ?? [],
      line_grouping: b % 2 === 0 ? "model" : "agent",
      grace_hours: [0, 0, 100][a % 3] ?? 0,
      ...discounts[(b + c) % 4],
    },
  });
}
