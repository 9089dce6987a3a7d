import { AsyncLocalStorage } from "node:async_hooks";
import type { CallerClass } from "./caller-limits.ts";

/** A caller that is known: its class, and its name among those. */
export interface KnownCaller {
  readonly class: CallerClass;
  readonly name: string;
}

/**
 * One request's part of its function's limits. Until it is identified, it counts for its address.
 * A refusal is a `ProblemError`: `rate_limited` or `overloaded`.
 */
export interface RequestLimits {
  isKnown(): boolean;
  /** Seconds after which what was refused may be sent again. */
  retryAfter(): number | null;
  /** Notes when what is refused may be sent again, where that is not for the limits to say. */
  retryIn(seconds: number): void;
  /** Whether the address has no answer left. Takes none. */
  isExhausted(): boolean;
  /** Counts an answer to a caller that is not known; false where its address has none left. */
  countAnswer(): boolean;
  /** Notes who sent the request and counts it. */
  identify(caller: KnownCaller): void;
  /** Takes a place among the bodies that are received; returns what gives it back. */
  startReceiving(): () => void;
  /** Counts bytes that are held until the request ends. */
  hold(bytes: number): void;
  /** Waits for capacity, once; before it nothing of the request's work is begun. */
  start(): Promise<void>;
  end(): void;
}

const current = new AsyncLocalStorage<RequestLimits>();

/** Answers a request within its limits; everything awaited meanwhile shares them. */
export function withinLimits<T>(limits: RequestLimits, answer: () => T): T {
  return current.run(limits, answer);
}

/** Notes who sent the request being answered. See `RequestLimits`. */
export function identifyCaller(caller: KnownCaller): void {
  current.getStore()?.identify(caller);
}

/** Waits until the request being answered may begin its work. See `RequestLimits`. */
export async function startWork(): Promise<void> {
  await current.getStore()?.start();
}

/** The limits of the request being answered; undefined outside of requests. */
export function currentLimits(): RequestLimits | undefined {
  return current.getStore();
}
