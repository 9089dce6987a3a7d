/** Who is at work, who waits to be, and who is sent away. */
export interface ConcurrencyLimit {
  /**
   * Resolves when there is room for so much (one, unless given; never more than all), with what must
   * be called once the work is done; null when too many wait already, or when there was no room in
   * time.
   */
  acquire(size?: number): Promise<(() => void) | null>;
}

/** Calls `run` after so many milliseconds, unless what it returns is called before. */
export type After = (milliseconds: number, run: () => void) => () => void;

/**
 * Room for `room` at once; `waiting` more may wait, first come first served, `withinMs` at most.
 * What it holds is bounded, whoever asks how often: those who wait have not been read yet.
 */
export function concurrencyLimit(
  { room, waiting, withinMs, after = afterwards }: {
    readonly room: number;
    readonly waiting: number;
    readonly withinMs: number;
    readonly after?: After;
  },
): ConcurrencyLimit {
  const queue: { readonly size: number; readonly letIn: () => void }[] = [];
  let left = room;
  const letNext = () => {
    for (let [next] = queue; next !== undefined && next.size <= left; [next] = queue) {
      queue.shift();
      next.letIn();
    }
  };
  const admit = (size: number) => {
    left -= size;
    let gone = false;
    return () => {
      if (gone) return;
      gone = true;
      left += size;
      letNext();
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
          letNext();
        });
        const place = {
          size,
          letIn: () => {
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
