import { z } from "zod";

const Runtime = z.object({ waitUntil: z.custom<(work: Promise<unknown>) => void>() });

/** Lets work go on after the answer, within the limits of the request. */
export function inBackground(work: Promise<unknown>): void {
  const runtime = Runtime.safeParse(Reflect.get(globalThis, "EdgeRuntime"));
  if (runtime.success) runtime.data.waitUntil(work);
}
