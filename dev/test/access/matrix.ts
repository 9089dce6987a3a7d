/**
 * Who may do what, written down by hand. The tests hold the system to it and it to the system: a
 * table, view, callable function, edge function or endpoint without a row in these files fails them.
 */
export * from "./callable.ts";
export * from "./requests.ts";
export * from "./tables.ts";
