import { z } from "zod";

/** A run as the list has it: its summary is a record, as runs of earlier releases are kept too. */
interface Run {
  readonly id: number;
  readonly as_of: string;
  readonly actor: string;
  readonly summary: unknown;
}

const count = z.int().catch(0);
const Blocked = z.object({
  client: z.string(),
  client_id: z.string(),
  period_start: z.string(),
  message: z.string(),
});
const Summary = z.object({
  invoices: count,
  totals: z.record(z.string(), z.int()).catch({}),
  blocked: z.array(Blocked).catch([]),
  blocked_count: z.int().optional().catch(undefined),
  held_count: count,
});
const NONE = { invoices: 0, totals: {}, blocked: [], blocked_count: 0, held_count: 0 };

/** A run as its row shows it. */
export function shownRun({ id, as_of, actor, summary }: Run) {
  const { invoices, totals, blocked, blocked_count, held_count } =
    Summary.safeParse(summary).data ?? NONE;
  return {
    id,
    asOf: as_of,
    actor,
    invoices,
    totals: Object.entries(totals),
    blocked,
    blockedCount: blocked_count ?? blocked.length,
    held: held_count,
  };
}
