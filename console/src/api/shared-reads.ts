type Ask = () => Promise<Response>;

/**
 * One request for all parts of a page that ask the same at the same time. `key` names the reader and
 * the address. A read that begins after something was written, or while it is, never takes the
 * answer to an earlier one.
 */
export interface SharedReads {
  read(key: string, ask: Ask): Promise<Response>;
  write(ask: Ask): Promise<Response>;
}

export function sharedReads(): SharedReads {
  const underWay = new Map<string, Promise<Response>>();
  return {
    async read(key, ask) {
      const asked = underWay.get(key) ?? ask();
      underWay.set(key, asked);
      try {
        // The answer itself is never read, so that each reader can have a copy.
        return (await asked).clone();
      } finally {
        if (underWay.get(key) === asked) underWay.delete(key);
      }
    },
    async write(ask) {
      underWay.clear();
      try {
        return await ask();
      } finally {
        underWay.clear();
      }
    },
  };
}
