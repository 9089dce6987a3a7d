/** Processes that speak with Stripe and die in the middle. */
import { stripeClient } from "../../standins/stripe/client.ts";
import type { StripePorts } from "../../../supabase/functions/_shared/stripe/ports.ts";
import { type DanceWorld, KEY } from "./world.ts";

/**
 * Ports of a process that is killed at a point of its work: before a request to Stripe or to the
 * database, or when that was done and the answer is not heard. Nothing works afterwards.
 */
export function dyingAt({ ports, stripe }: DanceWorld, point: number) {
  let points = 0;
  /** Where each step begins. */
  const steps = [1];
  const live = () => {
    points += 1;
    if (points >= point) throw new Error("killed");
  };
  const around = async <T>(work: () => Promise<T>): Promise<T> => {
    live();
    const done = await work();
    live();
    return done;
  };
  const mortal: StripePorts = {
    now: ports.now,
    stripe: stripeClient(KEY, stripe.url, {
      maxNetworkRetries: 0,
      request: (input, init) => around(() => fetch(input, init)),
    }),
    store: new Proxy(ports.store, {
      get: (store, name) => {
        const own: unknown = Reflect.get(store, name);
        if (typeof own !== "function") return own;
        return (...given: unknown[]) => {
          if (name === "saveReconciliation") steps.push(points + 1);
          return around(async () => await Reflect.apply(own, store, given));
        };
      },
    }),
  };
  return { mortal, steps };
}
