/** A mistake that the review found, made again, and the test that has to notice it. */
export interface Planted {
  /** Its numbers in the review, where it has several: `C8 S2`. */
  readonly finding: string;
  /** The mistake, in a few words. */
  readonly fault: string;
  /** In a file a phrase, which stands there once, says something else. */
  readonly edits: readonly Edit[];
  /**
   * A test that goes red, by its kind, its file and words of its name (`NamedTest`):
   * `pgtap 70_stripe/books-balance: paid by what stood there`.
   */
  readonly test: string;
}

export type Edit = readonly [file: string, says: string, instead: string];

const KINDS = ["pgtap", "cases", "unit", "sessions", "e2e"] as const;

/**
 * `pgtap`: a file of supabase/tests. `cases`: a file of worked cases. `unit`: a file that needs
 * no platform. `sessions`: an end-to-end file that starts a database of its own. `e2e`: one that
 * needs the platform.
 */
export type Kind = typeof KINDS[number];

export interface NamedTest {
  readonly kind: Kind;
  readonly file: string;
  /** Words of the name of what goes red. */
  readonly words: string;
}

export function parseTest(test: string): NamedTest {
  const [, name, file = "", words = ""] = /^(\w+) (.+?): (.+)$/s.exec(test) ?? [];
  const kind = KINDS.find((one) => one === name);
  if (kind === undefined) throw new Error(`not a test: ${test}`);
  return { kind, file, words };
}

/** The text with the phrase replaced; it has to stand there once. */
export function planted(text: string, [file, says, instead]: Edit): string {
  const places = text.split(says).length - 1;
  if (places !== 1) throw new Error(`${file} says ${places} times: ${says}`);
  return text.replace(says, () => instead);
}

export function idsOf({ finding }: Planted): string[] {
  return finding.split(" ");
}
