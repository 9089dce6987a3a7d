/** One caller's share of a limit. */
export interface Share {
  /** Callers with the same key share one share. */
  readonly key: string;
  /** Units that its requests use at once at most. */
  readonly atOnce: number;
  /** Requests of it that wait at most. */
  readonly waiting: number;
}

/**
 * `release` frees the units; `refused` says why none were given: the caller has used its share, or
 * the function is at capacity.
 */
export type Acquired =
  | { readonly release: () => void }
  | { readonly refused: "caller" | "function" };

/** Limits how much is processed at once. */
export interface ConcurrencyLimit {
  /**
   * Resolves when `size` units are free, or when the request cannot wait (any longer). A size above
   * the share or the capacity counts as all of it.
   */
  acquire(size: number, share: Share): Promise<Acquired>;
}

/** Calls `run` after so many milliseconds, unless what it returns is called before. */
export type After = (milliseconds: number, run: () => void) => () => void;

interface Place {
  readonly size: number;
  readonly caller: CallerQueue;
  readonly settle: (acquired: Acquired) => void;
}

interface CallerQueue {
  readonly share: Share;
  readonly places: Place[];
  held: number;
}

/**
 * `room` units at once; `waiting` more requests may wait, `withinMs` at most. Callers take turns,
 * the requests of one caller keep their order. A caller that has used its share lets the others
 * pass; a request that is too large for what is free keeps its turn. Where no more may wait, the
 * caller with most waiting requests loses its last one.
 */
export function concurrencyLimit(
  { room, waiting, withinMs, after = afterwards }: {
    readonly room: number;
    readonly waiting: number;
    readonly withinMs: number;
    readonly after?: After;
  },
): ConcurrencyLimit {
  const turns = turnsFor(room);
  const start = (place: Place) => {
    turns.begin(place);
    let released = false;
    place.settle({
      release: () => {
        if (released) return;
        released = true;
        turns.end(place);
        startAll();
      },
    });
  };
  const startAll = () => {
    for (let place = turns.next(); place !== undefined; place = turns.next()) start(place);
  };
  const refuse = (place: Place, refused: "caller" | "function") => {
    turns.leave(place);
    place.settle({ refused });
    startAll();
  };
  const shed = () => {
    const last = turns.lastOfLongest();
    if (last !== undefined) refuse(last, last.caller.places.length > 1 ? "caller" : "function");
  };
  return {
    acquire: (size, share) => {
      const caller = turns.callerOf(share);
      return new Promise((resolve) => {
        let stopWaiting = () => {};
        const place: Place = {
          size: Math.min(size, share.atOnce, room),
          caller,
          settle: (acquired) => {
            stopWaiting();
            resolve(acquired);
          },
        };
        turns.join(place);
        startAll();
        if (!caller.places.includes(place)) return;
        if (caller.places.length > share.waiting) return refuse(place, "caller");
        stopWaiting = after(
          withinMs,
          () => refuse(place, isShareUsed(place) ? "caller" : "function"),
        );
        if (turns.waiting() > waiting) shed();
      });
    },
  };
}

/** The queue of each caller, in the order of their turns, and the units that are free. */
function turnsFor(room: number) {
  const callers = new Map<string, CallerQueue>();
  let left = room;
  let queued = 0;
  const forget = ({ share, held, places }: CallerQueue) => {
    if (held === 0 && places.length === 0) callers.delete(share.key);
  };
  return {
    waiting: () => queued,
    callerOf: (share: Share): CallerQueue => {
      const caller = callers.get(share.key) ?? { share, places: [], held: 0 };
      callers.set(share.key, caller);
      return caller;
    },
    /** The place that may begin now. */
    next: (): Place | undefined => {
      for (const { places: [first] } of callers.values()) {
        if (first === undefined || isShareUsed(first)) continue;
        return first.size > left ? undefined : first;
      }
    },
    join: (place: Place) => {
      place.caller.places.push(place);
      queued += 1;
    },
    leave: (place: Place) => {
      place.caller.places.splice(place.caller.places.indexOf(place), 1);
      queued -= 1;
      forget(place.caller);
    },
    begin: ({ caller, size }: Place) => {
      caller.places.shift();
      queued -= 1;
      left -= size;
      caller.held += size;
      // Its turn is over.
      callers.delete(caller.share.key);
      callers.set(caller.share.key, caller);
    },
    end: ({ caller, size }: Place) => {
      left += size;
      caller.held -= size;
      forget(caller);
    },
    /** Of several queues as long, that of the caller who came last. */
    lastOfLongest: (): Place | undefined =>
      [...callers.values()].reduce((most, caller) =>
        caller.places.length >= most.places.length ? caller : most
      ).places.at(-1),
  };
}

function isShareUsed({ size, caller }: Place): boolean {
  return caller.held + size > caller.share.atOnce;
}

/** By the clock. */
export const afterwards: After = (milliseconds, run) => {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
};
