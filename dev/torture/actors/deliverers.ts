/** Those who carry out, and the time and the world that they do it in. */
import type { Fault } from "../../standins/stripe/requests.ts";
import { attempt } from "../attempt.ts";
import { post } from "../http.ts";
import type { Actor, Outside, Stage } from "../stage.ts";

/** Calls the delivery worker, as the schedule does. */
export function workerCaller({ history }: Stage, { platform }: Outside): Actor {
  return {
    name: "worker",
    pauseMs: 800,
    act: () =>
      attempt(history, { actor: "worker", what: "deliver", touches: [] }, async () => {
        const answer = await post({
          url: `${platform.urls.api}/functions/v1/deliver`,
          key: platform.keys.cronSecret,
        });
        return JSON.stringify(answer);
      }),
  };
}

/** Time passes for what waits: retries and leases of deliveries, Stripe's events. */
export function timekeeper({ sql, history }: Stage): Actor {
  return {
    name: "timekeeper",
    pauseMs: 3000,
    act: () =>
      attempt(history, { actor: "timekeeper", what: "30 s pass", touches: [] }, async () => {
        await sql`update public.deliveries set due_at = due_at - interval '30 seconds'
          where state in ('queued', 'running') and due_at > now()`;
        await sql`update billing.stripe_events set due_at = now()
          where state = 'pending' and due_at > now()`;
        await sql`call _billing.act_on_stripe_events()`;
        return "";
      }),
  };
}

type Mishap = readonly [request: string, kind: Fault["kind"]];

/** Receivers are well, busy, forgetful or out of order, for a while each. */
export function moods({ hermes, smtp, stripe }: Outside): Actor {
  const faults: readonly [Mishap, ...Mishap[]] = [
    ["POST /v1/invoices", "429"],
    ["POST /v1/invoices", "500-after"],
    ["POST /v1/invoices/", "lost"],
    ["POST /v1/customers", "lost"],
    ["GET /v1/customers", "500"],
    ["POST /v1/credit_notes", "500-after"],
  ];
  return {
    name: "moods",
    pauseMs: 2000,
    act: (random) => {
      hermes.behave(random.pick(["deliver", "deliver", "fail", "error", "garbage", "hang"]));
      smtp.behave(random.pick(["accept", "accept", "accept", "busy", "unknown", "forgetful"]));
      const [request, kind] = random.pick(faults);
      if (random.chance(50)) stripe.faults.push({ request, kind, times: 1 });
      return Promise.resolve();
    },
  };
}

/** Tells Stripe what it does not know yet, as the schedule does. */
export function stripeTeller({ history }: Stage, { platform }: Outside): Actor {
  return {
    name: "stripe teller",
    pauseMs: 7000,
    act: (random) => {
      const body = random.chance(25) ? { days: 30 } : { only: "outbox" };
      const what = `reconcile-stripe ${JSON.stringify(body)}`;
      return attempt(history, { actor: "stripe teller", what, touches: [] }, async () => {
        await post({
          url: `${platform.urls.api}/functions/v1/reconcile-stripe`,
          key: platform.keys.cronSecret,
          body,
        });
        return "";
      });
    },
  };
}
