/**
 * Cleans up after us when we are killed without a chance to do so ourselves (SIGKILL, a closed
 * terminal): a shell that reads our pipe, and when the pipe ends stops what it was told of.
 */
export interface Guard {
  /** The process is interrupted, then killed, when we are gone. */
  watchProcess(pid: number): Promise<void>;
  /** It has ended: its number may be another's by the time that we are gone. */
  forgetProcess(pid: number): Promise<void>;
  /** The directory is removed when we are gone. */
  watchDirectory(path: string): Promise<void>;
  /** Ends the guard. Call last: whatever it still watches is stopped and removed. */
  stop(): Promise<void>;
}

/** SIGINT is PostgreSQL's fast shutdown and ends Deno too; the wait lets both finish. */
const SCRIPT = `
trap '' INT TERM HUP
pids=; newline='
'; directories=
while IFS= read -r line; do
  case $line in
    pid*) pids="$pids \${line#pid }" ;;
    end*)
      kept=
      for pid in $pids; do [ "$pid" = "\${line#end }" ] || kept="$kept $pid"; done
      pids=$kept ;;
    dir*) directories="$directories\${line#dir }$newline" ;;
  esac
done
[ -n "$pids" ] && kill -INT $pids 2>/dev/null
for tick in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  alive=
  for pid in $pids; do kill -0 $pid 2>/dev/null && alive=1; done
  [ -z "$alive" ] && break
  sleep 0.1
done
[ -n "$alive" ] && kill -KILL $pids 2>/dev/null
IFS=$newline
for directory in $directories; do rm -rf "$directory"; done
exit 0
`;

export function startGuard(): Guard {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", SCRIPT],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    // Deno kills its other children when it ends by an error; this one must outlive it.
    detached: true,
  }).spawn();
  const writer = child.stdin.getWriter();
  const tell = (line: string) => writer.write(new TextEncoder().encode(`${line}\n`));
  return {
    watchProcess: (pid) => tell(`pid ${pid}`),
    // Where the guard itself has been stopped there is nothing left to forget.
    forgetProcess: (pid) => tell(`end ${pid}`).catch(() => {}),
    watchDirectory: (path) => tell(`dir ${path}`),
    stop: async () => {
      await writer.close();
      await child.status;
    },
  };
}
