/**
 * Writers pause now and then: only then can a run begin when everything has been counted. Says
 * whether they pause at this moment.
 */
export type IsQuiet = () => boolean;

/** Of each `busyMs + quietMs` the last `quietMs` are quiet. */
export function quietAfter(busyMs: number, quietMs: number): IsQuiet {
  const began = performance.now();
  return () => (performance.now() - began) % (busyMs + quietMs) >= busyMs;
}
