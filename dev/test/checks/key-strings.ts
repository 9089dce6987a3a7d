import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

/** What keys of the services that we meet look like, by their real length. */
const SHAPES: Readonly<Record<string, RegExp>> = {
  "a key of Stripe": /\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}/g,
  "a webhook secret": /\bwhsec_[A-Za-z0-9+/=]{20,}/g,
  "a secret key of Supabase": /\bsb_secret_[A-Za-z0-9_-]{20,}/g,
  "an access token of Supabase": /\bsbp_[a-f0-9]{40}/g,
  "a token of an agent's key": /\blea_[a-f0-9]{56}\b/g,
  "a signed token": /\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}/g,
  "a key of Resend": /\bre_[A-Za-z0-9]{8}_[A-Za-z0-9]{16,}/g,
  "a private key": /-----BEGIN [A-Z ]*PRIVATE KEY/g,
  "a key of a cloud": /\b(?:AKIA[0-9A-Z]{16}|AIza[\w-]{35}|gh[pousr]_[A-Za-z0-9]{36})\b/g,
  "a password in a URL": /\b(?:https?|smtps?|postgres(?:ql)?):\/\/[^\s:/@"'`$]*:[^\s/@"'`$]{16,}@/g,
};

/** Keys of the local platform, the same on every machine: they open nothing else. */
const SAMPLES = [
  "sb_secret_local_platform_default_0000000",
  "sb_secret_local_platform_cron_0000000000",
  "sb_secret_local_platform_agent_000000000",
];

/** Checks that no file of the project holds what looks like a real key. */
export async function checkKeyStrings(): Promise<SectionResult> {
  const result: SectionResult = { passed: 0, failed: 0, details: [] };
  for (const file of [...await listFiles("", ""), ...await listFiles(".ci", "")]) {
    // What git ignores: made here, or the developer's own variables.
    if (/^(out|supabase\/\.temp)\/|(^|\/)\.env/.test(file)) continue;
    const problems = keyStrings(await Deno.readTextFile(join(repositoryRoot, file)));
    if (problems.length === 0) result.passed++;
    else result.failed++;
    result.details.push(...problems.map((problem) => `${file}: ${problem}`));
  }
  return result;
}

/** What in a text looks like a key and is no known sample; the key itself is not shown. */
export function keyStrings(text: string): string[] {
  return Object.entries(SHAPES).flatMap(([what, shape]) =>
    [...text.matchAll(shape)].filter(([found]) => !SAMPLES.includes(found))
      .map(({ 0: found, index }) =>
        `line ${text.slice(0, index).split("\n").length}: ${what}, ${found.slice(0, 10)}…`
      )
  );
}
