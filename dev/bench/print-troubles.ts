/** Prints what a function says, but for the line that it writes for each request. */
export function printTroubles(name: string): (line: string) => void {
  return (line) => {
    if (!line.includes('"level":"info"')) console.error(`${name}: ${line}`);
  };
}
