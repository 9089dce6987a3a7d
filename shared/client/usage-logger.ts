import type { z } from "zod";
import { type Counting, MAX_EVENTS } from "../api/events.ts";
import { ingestUsage } from "../api/events.ts";
import type { Problem } from "../errors.ts";
import type { BillingClient } from "./billing-client.ts";
import { callWindows, type WindowOptions } from "./call-windows.ts";
import type { LoggedCall } from "./logged-call.ts";

/** What became of calls that were not stored; told, never thrown: billing must not stop an agent. */
export interface LoggerReports {
  /** The buffer is full: this call is not kept. */
  onDropped?(call: LoggedCall): void;
  /** The server takes this call never: invalid, or its id is stored with other content. */
  onRejected?(call: LoggedCall, result: "invalid" | "conflict", reasons: string[]): void;
  /** A batch did not get through; it is kept and sent again. */
  onFailed?(problem: Problem, waiting: number): void;
}

export interface LoggerOptions extends LoggerReports {
  /** Calls kept at most, 10,000 unless given. */
  readonly maxBuffered?: number;
  /** Calls that make a batch go at once, 200 unless given; 1,000 at most. */
  readonly batchSize?: number;
  /** Milliseconds that a call waits for a batch to fill, 2,000 unless given. */
  readonly flushEvery?: number;
  /**
   * What the counts of all calls are part of, for those that do not say it in `metadata.counting`:
   * set it where one instrumentation or gateway tells calls of several providers alike. Unless
   * given, each call counts as the provider of its model.
   */
  readonly counting?: z.infer<typeof Counting>;
  /**
   * For agents that make many small calls: calls of a window that differ in nothing that is billed
   * are sent as one row, with their number. Unless given, each call is a row.
   */
  readonly window?: WindowOptions;
}

/** What the logger is given from outside. */
export interface LoggerPorts {
  readonly billing: BillingClient;
  readonly now: () => Date;
  /** Calls back after milliseconds; returns how to call that off. Must not keep a process alive. */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
}

/** Collects model calls and sends them in batches. */
export interface UsageLogger {
  /** Takes a call; false where the buffer is full. Never throws, never waits. */
  log(call: LoggedCall): boolean;
  /** Sends what is waiting, each batch once; resolves with how many calls still wait. */
  flush(): Promise<number>;
  /** Sends what is waiting, trying `attempts` times, and takes no more. For the end of a process. */
  close(attempts?: number): Promise<number>;
}

const LONGEST_WAIT = 60_000;

/**
 * A buffered, retrying logger over `ingest-usage`. Each call gets its id when it is logged and keeps
 * it: a batch that is sent twice is stored once. Memory is bounded by `maxBuffered`.
 */
export function usageLogger(ports: LoggerPorts, options: LoggerOptions = {}): UsageLogger {
  const { counting } = options;
  const buffer = callBuffer(ports, options);
  const windows = options.window === undefined ? undefined : callWindows(options.window);
  let closing: (() => void) | null = null;
  const closeWindows = () => {
    closing?.();
    closing = null;
    buffer.add(windows?.close() ?? [], ports.now());
  };
  return {
    log: (call) => {
      if (!buffer.hasRoom(windows?.size ?? 0)) {
        options.onDropped?.(call);
        return false;
      }
      const at = ports.now();
      const told = counting === undefined
        ? call
        : { ...call, metadata: { counting, ...call.metadata } };
      buffer.add(windows?.add(told, at) ?? [told], at);
      if (windows !== undefined && windows.size > 0) {
        closing ??= ports.after(options.window?.milliseconds ?? 0, closeWindows);
      }
      return true;
    },
    flush: () => {
      closeWindows();
      return buffer.flush();
    },
    close: async (attempts = 3) => {
      closeWindows();
      buffer.end();
      let left = buffer.size();
      for (let attempt = 0; attempt < attempts && left > 0; attempt++) left = await buffer.flush();
      return left;
    },
  };
}

/** The calls that wait, and their way to the server: batch by batch, later after each failure. */
function callBuffer(ports: LoggerPorts, options: LoggerOptions) {
  const { maxBuffered = 10_000, flushEvery = 2000 } = options;
  const batchSize = Math.min(options.batchSize ?? 200, MAX_EVENTS);
  const waiting: LoggedCall[] = [];
  let sending: Promise<boolean> | null = null;
  let callOff: (() => void) | null = null;
  let failures = 0;
  let ended = false;
  const schedule = (milliseconds: number) => {
    callOff ??= ports.after(milliseconds, () => {
      callOff = null;
      void flush();
    });
  };
  const sendBatch = async (): Promise<boolean> => {
    const batch = waiting.slice(0, batchSize);
    const { data, error } = await ports.billing(ingestUsage, {
      body: { events: batch.map(asJson) },
    });
    if (error !== null) {
      failures += 1;
      options.onFailed?.(error, waiting.length);
      return false;
    }
    failures = 0;
    waiting.splice(0, batch.length);
    for (const { index, result, errors } of data.results) {
      const call = batch[index];
      if (call === undefined || (result !== "invalid" && result !== "conflict")) continue;
      options.onRejected?.(
        call,
        result,
        errors?.map(({ pointer, detail }) => `${pointer} ${detail}`.trim()) ?? [],
      );
    }
    return true;
  };
  // One batch at a time: the server sees an agent's calls in the order they were made.
  const send = () => sending ??= sendBatch().finally(() => sending = null);
  const flush = async () => {
    for (let left = waiting.length; left > 0; left -= batchSize) {
      if (!await send()) break;
    }
    if (waiting.length > 0 && !ended) {
      schedule(Math.min(flushEvery * 2 ** Math.min(failures, 10), LONGEST_WAIT));
    }
    return waiting.length;
  };
  const add = (calls: readonly LoggedCall[], at: Date) => {
    if (calls.length === 0) return;
    for (const call of calls) {
      waiting.push({ id: timeOrderedId(at), timestamp: at.toISOString(), ...call });
    }
    if (waiting.length >= batchSize && failures === 0) void flush();
    else schedule(flushEvery);
  };
  return {
    size: () => waiting.length,
    /** Whether a call is taken while so many are kept elsewhere. */
    hasRoom: (elsewhere: number) => !ended && waiting.length + elsewhere < maxBuffered,
    add,
    flush,
    /** Takes no more, and sends nothing by itself any more. */
    end: () => {
      ended = true;
      callOff?.();
    },
  };
}

/** A version 7 uuid: ids that follow time keep the log's index small and fast. */
export function timeOrderedId(at: Date): string {
  const random = crypto.getRandomValues(new Uint8Array(10));
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const time = at.getTime().toString(16).padStart(12, "0");
  const variant = (8 + (random[9] ?? 0) % 4).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(3, 6)}-` +
    hex.slice(6, 18);
}

function asJson(call: LoggedCall) {
  return Object.fromEntries(Object.entries(call).filter(([, value]) => value !== undefined));
}
