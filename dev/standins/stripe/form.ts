/** A value of a form body as Stripe reads it: `a[b][0]=1` is `{ a: { b: ["1"] } }`. */
export type FormValue = string | FormValue[] | { [name: string]: FormValue };
/** A whole form. */
export type Form = { [name: string]: FormValue };

type Branch = Map<string, Branch | string>;

/** Decodes a query or a form body; lists are branches whose names are 0, 1, 2… or empty. */
export function decodeForm(text: string): Form {
  const root: Branch = new Map();
  for (const [name, value] of new URLSearchParams(text)) {
    const path = [
      name.replace(/\[.*$/, ""),
      ...[...name.matchAll(/\[([^\]]*)\]/g)].map((m) => m[1]),
    ];
    insert(root, path.map((part) => part ?? ""), value);
  }
  return Object.fromEntries([...root].map(([name, value]) => [name, settle(value)]));
}

function insert(branch: Branch, [head = "", ...rest]: string[], value: string): void {
  const name = head === "" ? String(branch.size) : head;
  if (rest.length === 0) {
    branch.set(name, value);
    return;
  }
  const known = branch.get(name);
  const next: Branch = known instanceof Map ? known : new Map();
  branch.set(name, next);
  insert(next, rest, value);
}

function settle(value: Branch | string): FormValue {
  if (typeof value === "string") return value;
  const entries = [...value].map(([name, child]) => [name, settle(child)] as const);
  return entries.every(([name], index) => name === String(index))
    ? entries.map(([, child]) => child)
    : Object.fromEntries(entries);
}
