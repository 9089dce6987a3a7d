import type { Planted } from "./planted.ts";

const SCHEMAS = "supabase/schemas";
const USAGE = `${SCHEMAS}/20_usage`;
const RATING = `${SCHEMAS}/40_rating`;
const INVOICING = `${SCHEMAS}/50_invoicing`;

/** What runs, periods, service and usage got wrong; see `paper.ts` for paper and credit. */
export const SETTLING: readonly Planted[] = [
  {
    finding: "C1",
    fault: "a run that begins with nothing due keeps no rollup out",
    edits: [[
      `${USAGE}/rollup.sql`,
      "  perform from billing.usage_watermark for update;\n  return _billing.rollup();",
      "  return _billing.rollup();",
    ]],
    test: "sessions concurrency-runs: usage counted while a run that had nothing new to count",
  },
  {
    finding: "C2",
    fault: "the months between two subscriptions are billed",
    edits: [[
      `${SCHEMAS}/70_stripe/subscriptions.sql`,
      "billing.start_service(client.id, greatest(first_day, latest.ends_on),",
      "billing.start_service(client.id, latest.ends_on,",
    ]],
    test:
      "pgtap 70_stripe/subscriptions-steps: the 10th of July is the last day, the 5th of September",
  },
  {
    finding: "C3",
    fault: "the months between an end and a return are billed",
    edits: [[
      `${SCHEMAS}/10_parties/service_intervals.sql`,
      "begin_interval(new.id, greatest(new.started_on, today), until_day,",
      "begin_interval(new.id, known_end, until_day,",
    ]],
    test: "cases service: a client that returns after months is not billed the months between",
  },
  {
    finding: "C4 G2",
    fault: "a rename is rebuilt within the rollup",
    edits: [[
      `${USAGE}/rebuild_size.sql`,
      "  return case when _billing.estimated_logs(from_day, until_day) > most then false",
      "  return case when true then true",
    ]],
    test: "sessions concurrency-rebuild: a rename rebuilds in steps that are committed",
  },
  {
    finding: "C5",
    fault: "agents wait while all is counted anew",
    edits: [[
      `${USAGE}/rebuild.sql`,
      "  delete from billing.rebuild_requests r where not r.compares;",
      "  lock table public.agent_usage_logs in share mode;\n" +
      "  delete from billing.rebuild_requests r where not r.compares;",
    ]],
    test: "sessions concurrency-rebuild: agents log while everything is counted anew",
  },
  {
    finding: "C7 G2",
    fault: "what a run left is not tried again within the hour",
    edits: [[
      `${INVOICING}/runs/close_month.sql`,
      "or extract(hour from now_utc) >= 9 and (",
      "or false and (",
    ]],
    test: "pgtap 50_invoicing/runs-settling: an unsettled period is due within the hour",
  },
  {
    finding: "C7",
    fault: "an editor that holds one client stops the run of all",
    edits: [[
      `${INVOICING}/runs/settle.sql`,
      "order by c.place limit batch_size for update skip locked) x;",
      "order by c.place limit batch_size for update) x;",
    ]],
    test: "sessions concurrency-order: a batch takes the clients that are free, and waits for none",
  },
  {
    finding: "C7",
    fault: "a run waits for clients that Stripe's events hold",
    edits: [[`${INVOICING}/periods.sql`, "for share of c skip locked", "for share of c"]],
    test: "sessions concurrency-clients: a run and Stripe's events of its clients never wait for",
  },
  {
    finding: "C11",
    fault: "only what has an invoice is frozen",
    edits: [[
      `${RATING}/settled_usage.sql`,
      "where p.settled_at is not null and days &&",
      "where p.state = 'invoiced' and days &&",
    ]],
    test: "cases settled: a free month that was skipped is not billed by a price without a first",
  },
  {
    finding: "C13",
    fault: "meters and models move under a rating unnoticed",
    edits: [[
      `${SCHEMAS}/30_pricing/terms_version.sql`,
      "if counted in (transaction, transaction || ' ' || client) then",
      "if tg_table_name in ('stripe_meters', 'models')\n" +
      "      or counted in (transaction, transaction || ' ' || client) then",
    ]],
    test: "sessions settling-moves: booked is rated for everybody, whatever moves during",
  },
  {
    finding: "C13",
    fault: "a change of a meter is not counted as one of terms",
    edits: [[
      `${SCHEMAS}/30_pricing/stripe_meters.sql`,
      "create constraint trigger count_terms_change after",
      "create constraint trigger uncounted after",
    ]],
    test: "pgtap locks-by-catalog: every table of terms is counted at the commit of a change",
  },
  {
    finding: "C15",
    fault: "an index by time that retention makes useless",
    edits: [[
      `${USAGE}/logs.sql`,
      `("timestamp" timestamptz_minmax_multi_ops (values_per_range = 16))`,
      `("timestamp")`,
    ]],
    test: "sessions retention-index: logs are found by their time where retention has removed",
  },
  {
    finding: "C16",
    fault: "a period that was voided and not billed anew is told nowhere",
    edits: [[
      `${SCHEMAS}/90_operations/health.sql`,
      "from _billing.voided_periods() v having count(*) > 0;",
      "from _billing.voided_periods() v having false;",
    ]],
    test: "pgtap 50_invoicing/document-paper: a voided period is told of",
  },
  {
    finding: "C16",
    fault: "a delivery that was skipped because a channel was off is told nowhere",
    edits: [[
      `${SCHEMAS}/90_operations/health.sql`,
      "and d.details ? 'channel_off' and d.event <> 'notice'",
      "and false",
    ]],
    test: "pgtap 90_operations/health: an invoice that was not mailed",
  },
  {
    finding: "C17",
    fault: "prices that have begun are frozen",
    edits: [[
      `${RATING}/frozen_prices.sql`,
      "begin\n  perform _billing.refuse_settled('this price', array(",
      "begin\n  if tg_op = 'UPDATE' and old.effective_from < 'infinity' then\n" +
      "    perform billing.raise_error('invalid_argument', 'the price has begun');\n  end if;\n" +
      "  perform _billing.refuse_settled('this price', array(",
    ]],
    test: "cases settled: a typo in the running month's price is mended in place",
  },
  {
    finding: "C18",
    fault: "alerts and the watch over jobs are one statement",
    edits: [[
      `${SCHEMAS}/90_operations/schedule.sql`,
      "'select billing.watch_jobs()'",
      "'select billing.queue_usage_alerts(); select billing.watch_jobs()'",
    ]],
    test: "pgtap 90_operations/jobs: each job does one thing",
  },
  {
    finding: "C20 G5",
    fault: "dashboards are computed anew from all history",
    edits: [[
      `${SCHEMAS}/90_operations/dashboards/refresh.sql`,
      "perform _billing.refresh_monthly_usage(everything);",
      "perform _billing.refresh_monthly_usage(true);",
    ]],
    test: "pgtap 90_operations/dashboards: one month of one client is read for a log more",
  },
  {
    finding: "C21",
    fault: "healing holds the clients that a run settles",
    edits: [[
      `${INVOICING}/runs/begin_and_finish.sql`,
      "  select coalesce(r.repaired_until, '-infinity') into done_until",
      "  perform _billing.lock_clients(array(select c.id from public.clients c));\n" +
      "  select coalesce(r.repaired_until, '-infinity') into done_until",
    ]],
    test: "sessions concurrency-runs: a caller that looks for differences does not hold up another",
  },
  {
    finding: "C25",
    fault: "a client that is added meanwhile looks for its usage before it is quarantined",
    edits: [[
      `${USAGE}/rebuild_requests.sql`,
      "  insert into billing.rebuild_requests (client_ids, claims, from_day, until_day)",
      "  if not exists (select from billing.quarantined_logs) then\n    return null;\n  end if;\n" +
      "  insert into billing.rebuild_requests (client_ids, claims, from_day, until_day)",
    ]],
    test: "sessions concurrency-rebuild: a client that is added while its usage is quarantined",
  },
  {
    finding: "C27",
    fault: "temporary objects come first",
    edits: [[
      `${INVOICING}/finalize.sql`,
      "_billing.settle_items(invoice_ids uuid[])\n" +
      "returns void language sql set search_path = pg_catalog, pg_temp as $$",
      "_billing.settle_items(invoice_ids uuid[])\n" +
      "returns void language sql set search_path = '' as $$",
    ]],
    test: "pgtap conventions: temporary objects come last",
  },
  {
    finding: "C28 G1",
    fault: "one lock for all clients",
    edits: [
      [
        `${SCHEMAS}/10_parties/settlement_locks.sql`,
        "  perform _billing.assert_lock_order(1);\n",
        "  perform _billing.assert_lock_order(1);\n  perform pg_advisory_xact_lock(20);\n",
      ],
      [
        `${INVOICING}/runs/settle.sql`,
        "  perform set_config('billing.as_of', at::text, true);",
        "  perform pg_advisory_xact_lock(20), set_config('billing.as_of', at::text, true);",
      ],
    ],
    test: "sessions concurrency-clients: while a batch is open, others' payments, previews",
  },
  {
    finding: "G3",
    fault: "a long absence is caught up with in one pass",
    edits: [[`${USAGE}/rollup.sql`, "  if cut is null then\n", "  if true then\n"]],
    test: "sessions concurrency-rollup: a long absence is caught up with in steps, each row once",
  },
  {
    finding: "G4",
    fault: "no room for new versions of records on their page",
    edits: [[`${USAGE}/records.sql`, "with (fillfactor = 70,", "with (fillfactor = 100,"]],
    test: "pgtap storage: at least 95 % touch no index",
  },
];
