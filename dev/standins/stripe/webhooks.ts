import { createHmac } from "node:crypto";
import type { Event } from "./objects.ts";

/** Where webhooks go. Stripe signs with both secrets while one is being replaced. */
export interface WebhookTarget {
  readonly url: string;
  readonly secrets: readonly string[];
}

/** How one delivery went; status 0 when there was no answer. */
export interface WebhookAnswer {
  readonly event: string;
  readonly type: string;
  readonly status: number;
}

/** Signs a body as Stripe does: `t=…,v1=…`, a `v1` for each secret. */
export function signWebhook(body: string, secrets: readonly string[], timestamp: number): string {
  const signatures = secrets.map((secret) =>
    `v1=${createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex")}`
  );
  return [`t=${timestamp}`, ...signatures].join(",");
}

/** Sends events in order, or keeps them for a test to send as it likes. */
export class WebhookSender {
  target: WebhookTarget | undefined;
  /** While true, events wait in `held`. */
  holding = false;
  held: Event[] = [];
  readonly answers: WebhookAnswer[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(readonly now: () => number) {}

  queue(event: Event): void {
    if (this.holding) this.held.push(event);
    else this.#last = this.#last.then(() => this.deliver(event));
  }

  /**
   * Sends what is held as badly as can be: some lost, all others twice, in no order. The same on
   * every run. Later events are sent as they happen. Resolves when all is answered.
   */
  async releaseBadly(isLost: (event: Event) => boolean): Promise<void> {
    const events = this.held.filter((event) => !isLost(event));
    this.held = [];
    this.holding = false;
    for (const event of shuffled([...events, ...events])) await this.deliver(event);
  }

  /** Resolves when all that was queued has been answered. */
  async settled(): Promise<void> {
    for (let last; last !== this.#last;) await (last = this.#last);
  }

  /** Sends one event now. */
  async deliver(event: Event): Promise<void> {
    if (this.target === undefined) return;
    const body = JSON.stringify(event, null, 2);
    const signature = signWebhook(body, this.target.secrets, this.now());
    try {
      const response = await fetch(this.target.url, {
        method: "POST",
        headers: {
          "content-type": "application/json; charset=utf-8",
          "stripe-signature": signature,
          "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        },
        body,
      });
      await response.body?.cancel();
      this.answers.push({ event: event.id, type: event.type, status: response.status });
    } catch {
      this.answers.push({ event: event.id, type: event.type, status: 0 });
    }
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  let seed = 20260701;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  return items.map((item) => ({ item, place: random() })).toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
