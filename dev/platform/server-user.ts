/** An operating-system user by number, as `Deno.Command` takes it. */
export interface ServerUser {
  uid: number;
  gid: number;
}

/**
 * The user PostgreSQL must run as, because it refuses root: `postgres` where that account exists,
 * else `nobody`. Undefined means "as we are": we are not root.
 */
export async function serverUser(): Promise<ServerUser | undefined> {
  if (Deno.uid() !== 0) return undefined;
  return chooseServerUser(await Deno.readTextFile("/etc/passwd"));
}

/** Picks from the text of `/etc/passwd`. Throws when neither account is there. */
export function chooseServerUser(passwd: string): ServerUser {
  const accounts = passwd.split("\n").map((line) => line.split(":"));
  for (const name of ["postgres", "nobody"]) {
    const account = accounts.find((fields) => fields[0] === name);
    if (account !== undefined) return { uid: Number(account[2]), gid: Number(account[3]) };
  }
  throw new Error("PostgreSQL cannot run as root and there is no account postgres or nobody");
}
