interface Quarantined {
  readonly reason: string;
  readonly agent: string | null;
}

/** Why usage is not billed, each reason once, with the agents that it concerns. */
export function reasonsOf(
  rows: readonly Quarantined[],
): { readonly reason: string; readonly agents: readonly string[] }[] {
  const agents = new Map<string, Set<string>>();
  for (const { reason, agent } of rows) {
    const known = agents.get(reason) ?? new Set();
    agents.set(reason, agent === null ? known : known.add(agent));
  }
  return [...agents].map(([reason, names]) => ({ reason, agents: [...names].sort() }));
}
