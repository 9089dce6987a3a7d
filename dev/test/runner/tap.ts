/** What one TAP stream said. */
export interface TapResult {
  passed: number;
  /** Each failing assertion with its diagnostics, or what is wrong with the stream itself. */
  failures: string[];
}

/** Reads the lines of one pgTAP file. A plan that is not met is a failure too. */
export function parseTap(lines: string[]): TapResult {
  const result: TapResult = { passed: 0, failures: [] };
  let planned: number | undefined;
  let run = 0;
  let lastFailed = false;
  for (const line of lines.flatMap((text) => text.split("\n"))) {
    const plan = /^1\.\.(\d+)/.exec(line);
    if (plan !== null) planned = Number(plan[1]);
    else if (/^ok \d+/.test(line)) {
      run++;
      // A directive excuses the assertion from being met; in descriptions the sign is escaped.
      lastFailed = /(?<!\\)#/.test(line);
      if (lastFailed) result.failures.push(`${line} (nothing is excused here)`);
      else result.passed++;
    } else if (/^not ok \d+/.test(line)) {
      run++;
      lastFailed = true;
      result.failures.push(line);
    } else if (/^Bail out!/.test(line)) result.failures.push(line);
    else if (line.startsWith("#") && lastFailed) {
      result.failures.push(`${result.failures.pop() ?? ""}\n    ${line}`);
    }
  }
  if (planned === undefined) result.failures.push("no plan: the file ends without finish()");
  else if (planned !== run) result.failures.push(`planned ${planned} assertions, ran ${run}`);
  return result;
}
