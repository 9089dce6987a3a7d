/**
 * What may happen in a random world: moves that name nothing yet, so that any of them can be left
 * out when a failure is made smaller. `history.ts` makes steps of them.
 */
import fc from "fast-check";
import { type RandomClient, randomClient } from "../properties/worlds.ts";

/** A move with numbers that choose among what there is when its turn comes. */
export interface Move {
  readonly kind: Kind;
  readonly who: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

export interface World {
  /** Null: left out when a failure was made smaller; its moves do nothing. */
  readonly clients: readonly (RandomClient | null)[];
  readonly moves: readonly Move[];
}

export type Profile = "regular" | "wild";
export const profiles: readonly Profile[] = ["regular", "wild"];

/**
 * How often each move comes, among 100 or so: what is usual, and what hardly ever happens. Runs come
 * as often as the calendar wants.
 */
const weights = {
  log: { regular: 26, wild: 14 },
  late: { regular: 8, wild: 14 },
  run: { regular: 1, wild: 1 },
  retract: { regular: 2, wild: 5 },
  restate: { regular: 2, wild: 4 },
  mirror: { regular: 0, wild: 2 },
  difference: { regular: 1, wild: 3 },
  pay: { regular: 6, wild: 3 },
  credit: { regular: 2, wild: 8 },
  void: { regular: 2, wild: 5 },
  regenerate: { regular: 2, wild: 6 },
  write_off: { regular: 1, wild: 2 },
  generate: { regular: 0, wild: 1 },
  grant: { regular: 3, wild: 4 },
  item: { regular: 3, wild: 5 },
  one_off: { regular: 1, wild: 2 },
  start: { regular: 0, wild: 5 },
  end: { regular: 1, wild: 4 },
  return: { regular: 1, wild: 4 },
  pause: { regular: 0, wild: 1 },
  resume: { regular: 1, wild: 2 },
  cancel: { regular: 1, wild: 3 },
  subscribe: { regular: 1, wild: 3 },
  anchor: { regular: 1, wild: 4 },
  zone: { regular: 1, wild: 2 },
  rename: { regular: 1, wild: 2 },
  price: { regular: 1, wild: 2 },
  config: { regular: 2, wild: 4 },
  mend: { regular: 1, wild: 4 },
  default_client: { regular: 0, wild: 1 },
  assign: { regular: 1, wild: 2 },
  meter: { regular: 0, wild: 1 },
  map: { regular: 1, wild: 1 },
} as const;
export type Kind = keyof typeof weights;

/** What every world is made of. */
const always: readonly Kind[] = ["log", "late", "run", "item"];
/** What belongs together: the moves of each meet each other in a part of the worlds. */
const themes: readonly (readonly Kind[])[] = [
  ["start", "anchor", "config", "zone"],
  ["end", "return", "pause", "resume", "cancel", "subscribe"],
  ["credit", "void", "regenerate", "pay", "write_off", "one_off"],
  ["retract", "restate", "mirror", "credit", "assign", "rename"],
  ["grant", "retract", "void", "regenerate", "credit", "mend"],
];

/** Runs of a world, about: they take the calendar from June to December. */
const runs = 14;

/**
 * Worlds of a profile: some clients, and moves in any order. Each world knows only one theme, whose
 * moves come three times as often, and some other kinds of moves, so that those meet more often than
 * if all came in each. A run costs the same for one client and for eight, so worlds have many.
 */
export function worldsOf(profile: Profile, longest: number, most = 8): fc.Arbitrary<World> {
  const rest = kindNames.filter((kind) => weights[kind][profile] > 0 && !always.includes(kind));
  const client = fc.tuple(randomClient, fc.constantFrom(0, 0, 0, 72, 240)).map((
    [{ config, ...others }, grace_hours],
  ) => ({ ...others, config: { ...config, grace_hours } }));
  const some = fc.tuple(fc.constantFrom(...themes), fc.subarray(rest, { maxLength: 7 }));
  return some.chain(([theme, others]) =>
    fc.record({
      clients: fc.array(client, { minLength: Math.ceil(most / 2), maxLength: most }),
      moves: fc.array(moveOf(weightsOf(rest, theme, others, profile), longest, most), {
        minLength: Math.floor(longest / 2),
        maxLength: longest,
        size: "max",
      }),
    })
  );
}

type Weights = readonly (readonly [kind: Kind, weight: number])[];

function weightsOf(
  rest: readonly Kind[],
  theme: readonly Kind[],
  others: readonly Kind[],
  profile: Profile,
): Weights {
  return [...always, ...rest].flatMap((kind) => {
    const times = always.includes(kind) || others.includes(kind) ? 1 : 0;
    const weight = weights[kind][profile] * (theme.includes(kind) ? 3 : times);
    return weight > 0 ? [[kind, weight] as const] : [];
  });
}

/** A move, of which so many are runs that the calendar is lived through. */
function moveOf(chosen: Weights, longest: number, clients: number): fc.Arbitrary<Move> {
  const number = fc.nat({ max: 9999 });
  const ofOthers = chosen.reduce((all, [kind, weight]) => kind === "run" ? all : all + weight, 0);
  const ofRuns = Math.ceil(ofOthers / Math.max(longest * 0.75 / runs - 1, 5));
  const kind = fc.oneof(
    ...chosen.map(([one, weight]) => ({
      weight: one === "run" ? ofRuns : weight,
      arbitrary: fc.constant(one),
    })),
  );
  return fc.record({ kind, who: fc.nat({ max: clients - 1 }), a: number, b: number, c: number });
}

const kindNames: readonly Kind[] = Object.keys(weights).filter(isKind);

function isKind(name: string): name is Kind {
  return name in weights;
}
