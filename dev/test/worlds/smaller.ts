/** Makes the history of a failure as short as it can be while the same law stays broken. */
import type { RandomClient } from "../properties/worlds.ts";
import type { World } from "./moves.ts";
import type { Failure } from "./history.ts";

export type Again = (world: World, law: string) => Promise<Failure | null>;

/** Leaves out clients, then moves: halves first, in the end one by one; then terms and prices. */
export async function smallest(
  world: World,
  failure: Failure,
  again: Again,
  mayGoOn: () => boolean = () => true,
): Promise<{ readonly world: World; readonly failure: Failure }> {
  let best = { world: { ...world, moves: world.moves.slice(0, failure.moves) }, failure };
  const attempt = async (smaller: World): Promise<boolean> => {
    const found = mayGoOn() ? await again(smaller, failure.law) : null;
    if (found === null) return false;
    best = { world: { ...smaller, moves: smaller.moves.slice(0, found.moves) }, failure: found };
    return true;
  };
  for (const at of world.clients.keys()) {
    await attempt({ ...best.world, clients: best.world.clients.with(at, null) });
  }
  for (let size = Math.ceil(best.world.moves.length / 2); size >= 1;) {
    let left = false;
    for (let end = best.world.moves.length; end > 0; end -= size) {
      const { moves } = best.world;
      const rest = moves.toSpliced(Math.max(end - size, 0), Math.min(size, end));
      if (await attempt({ ...best.world, moves: rest })) left = true;
    }
    if (size === 1 && !left) break;
    size = Math.max(Math.floor(size / 2), 1);
  }
  for (const at of world.clients.keys()) {
    for (const simpler of simplerClients(best.world.clients[at] ?? null)) {
      await attempt({ ...best.world, clients: best.world.clients.with(at, simpler) });
    }
  }
  for (const zero of ["c", "b", "a"] as const) {
    for (let at = 0; at < best.world.moves.length; at += 1) {
      const move = best.world.moves[at];
      if (move === undefined || move[zero] === 0) continue;
      await attempt({
        ...best.world,
        moves: best.world.moves.with(at, { ...move, [zero]: 0 }),
      });
    }
  }
  return best;
}

/** A client without prices of its own; without one, and with fewer terms. */
function simplerClients(client: RandomClient | null): RandomClient[] {
  if (client === null) return [];
  const { currency = "USD", minimum_minor = 0 } = client.config;
  const plain = { ...client.client, time_zone: "UTC", billing_anchor_day: 1 };
  return [
    { ...client, prices: [], config: { currency, minimum_minor }, client: plain },
    { ...client, prices: [], config: { currency: "USD", minimum_minor }, client: plain },
    { ...client, prices: [] },
    { ...client, config: { currency, minimum_minor } },
  ];
}
