/** Limits how much is processed at once. */
export interface ConcurrencyLimit {
  /**
   * Resolves when `size` units (1 unless given, capped at the capacity) are free, with a function
   * that releases them; with null when too many requests wait already or the wait timed out.
   */
  acquire(size?: number): Promise<(() => void) | null>;
}

/** Calls `run` after so many milliseconds, unless what it returns is called before. */
export type After = (milliseconds: number, run: () => void) => () => void;

/**
 * `room` units at once; `waiting` more requests may wait in order of arrival, `withinMs` at most.
 * Memory is bounded: waiting requests have not been read yet.
 */
export function concurrencyLimit(
  { room, waiting, withinMs, after = afterwards }: {
    readonly room: number;
    readonly waiting: number;
    readonly withinMs: number;
    readonly after?: After;
  },
): ConcurrencyLimit {
  const queue: { readonly size: number; readonly start: () => void }[] = [];
  let left = room;
  const startNext = () => {
    for (let [next] = queue; next !== undefined && next.size <= left; [next] = queue) {
      queue.shift();
      next.start();
    }
  };
  const admit = (size: number) => {
    left -= size;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      left += size;
      startNext();
    };
  };
  return {
    acquire: (asked = 1) => {
      const size = Math.min(asked, room);
      if (queue.length === 0 && size <= left) return Promise.resolve(admit(size));
      if (queue.length >= waiting) return Promise.resolve(null);
      return new Promise((resolve) => {
        const giveUp = after(withinMs, () => {
          queue.splice(queue.indexOf(place), 1);
          resolve(null);
          startNext();
        });
        const place = {
          size,
          start: () => {
            giveUp();
            resolve(admit(size));
          },
        };
        queue.push(place);
      });
    },
  };
}

const afterwards: After = (milliseconds, run) => {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
};
