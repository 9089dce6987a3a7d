import { sumDecimals } from "../../../../shared/money.ts";

/** What of a line says which usage it bills. */
interface Line {
  readonly model: string | null;
  readonly metric: string | null;
  readonly rate_class: string | null;
  readonly agent: string | null;
  readonly service_start: string | null;
  readonly service_end: string | null;
}

interface Usage {
  readonly model: string | null;
  readonly metric: string;
  readonly rate_class: string;
  readonly agent: string | null;
  readonly quantity: string;
}

/** The rows of usage that a line bills, of those in its days. */
export function usageOf<Row extends Usage>(line: Line, rows: readonly Row[]): Row[] {
  return rows.filter((row) =>
    row.model === line.model && row.metric === line.metric &&
    row.rate_class === (line.rate_class ?? "standard") &&
    (line.agent === null || row.agent === line.agent)
  );
}

/** What they come to, exactly. */
export function quantityOf(rows: readonly { readonly quantity: string }[]): string {
  return sumDecimals(rows.map(({ quantity }) => quantity));
}

/** The last day that a line bills: its end is the day after. */
export function lastDayOf({ service_start, service_end }: Line): string {
  if (service_end === null) return service_start ?? "";
  const at = new Date(`${service_end}T12:00:00Z`);
  at.setUTCDate(at.getUTCDate() - 1);
  return at.toISOString().slice(0, 10);
}
