import { jwtVerify } from "jose";
import { jwtSecret, roleOfKey } from "./keys.ts";

/**
 * What `verify_jwt = true` checks on the hosted service: a token signed by the project, or any API
 * key of it. It says nothing about who is calling.
 */
export async function isAuthorised(headers: Headers): Promise<boolean> {
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  const key = headers.get("apikey") ?? bearer;
  if (key !== null && key !== undefined && roleOfKey(key) !== undefined) return true;
  if (bearer === undefined) return false;
  try {
    await jwtVerify(bearer, new TextEncoder().encode(jwtSecret), { algorithms: ["HS256"] });
    return true;
  } catch {
    return false;
  }
}
