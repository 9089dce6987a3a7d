/**
 * The address that a request comes from, as the proxy in front says; null where none says it.
 * `cf-connecting-ip` is the hosted service's own header, which a caller cannot set there. The first
 * entry of `x-forwarded-for` can be made up by a caller, which is why all addresses together have a
 * budget too. Of an IPv6 address the network counts: a caller has all of a /64.
 */
export function clientAddress(headers: Headers): string | null {
  const given = headers.get("cf-connecting-ip") ?? headers.get("x-forwarded-for")?.split(",")[0];
  const address = given?.trim().toLowerCase() ?? "";
  if (!/^[0-9a-f.:]{2,45}$/.test(address)) return null;
  return address.includes(":") && !address.includes(".") ? networkOf(address) : address;
}

function networkOf(address: string): string {
  const [front = [], back = []] = address.split("::").map((part) =>
    part.split(":").filter((group) => group !== "")
  );
  const zeros = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => "0");
  const groups = address.includes("::") ? [...front, ...zeros, ...back] : front;
  return `${groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}
