import { byKind } from "./kinds/all.ts";
import type { KindPorts } from "./kind.ts";
import type { DeliveryHandlers } from "./types.ts";

/** The handler of each kind that is on here, and why the others are off. Close it after use. */
export function deliveryHandlers(
  ports: KindPorts,
): { readonly handlers: DeliveryHandlers; readonly close: () => void } {
  const closes: (() => void)[] = [];
  const handlers = byKind((kind) => {
    const opened = kind.open(ports);
    if ("off" in opened) return opened;
    if (opened.close !== undefined) closes.push(opened.close);
    return opened.handler;
  });
  return {
    handlers,
    close: () => {
      for (const close of closes) close();
    },
  };
}

/** How many deliveries of each kind are taken at once. */
export const portions = byKind((kind) => kind.portion);
