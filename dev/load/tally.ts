import { percentile } from "../bench/figure.ts";

/** What became of requests, kind by kind. */
export class Tally {
  readonly #kinds = new Map<string, { readonly statuses: number[]; readonly ms: number[] }>();

  /** Makes a request, and notes its status and how long its answer took, body and all. */
  async time(kind: string, request: () => Promise<Response>): Promise<Outcome> {
    const started = performance.now();
    const response = await request();
    const body = await response.text();
    const found = this.#kinds.get(kind) ?? { statuses: [], ms: [] };
    this.#kinds.set(kind, found);
    found.statuses.push(response.status);
    found.ms.push(performance.now() - started);
    return { status: response.status, headers: response.headers, body };
  }

  /** How many answers of a kind, or of all, had a status that `wanted` says yes to. */
  count(wanted: (status: number) => boolean, kind?: string): number {
    return [...this.#kinds].filter(([name]) => kind === undefined || name === kind)
      .flatMap(([, { statuses }]) => statuses).filter(wanted).length;
  }

  /** A line a kind: how many, which statuses, how long they took. */
  lines(): string[] {
    return [...this.#kinds].map(([kind, { statuses, ms }]) => {
      const at = (share: number) => `${Math.round(percentile(ms, share))}`.padStart(6);
      const seen = [...new Set(statuses)].sort().map((status) =>
        `${statuses.filter((one) => one === status).length} × ${status}`
      );
      return `${kind.padEnd(16)} p50 ${at(0.5)}  p99 ${at(0.99)}  max ${at(1)} ms   ` +
        seen.join(", ");
    });
  }
}

/** An answer that has been read. */
export interface Outcome {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}
