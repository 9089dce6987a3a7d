/** Text without the secrets it was told of and without addresses of people. */
export type Scrub = (text: string) => string;

/** Shorter ones would be found in ordinary words. */
const LEAST_LENGTH = 6;

/**
 * Takes out what must not be written down: the values of the variables whose names say that they
 * are secret, passwords and tokens within URLs, e-mail addresses. `variables` are the function's.
 */
export function scrubber(variables: Readonly<Record<string, string>>): Scrub {
  const secrets = Object.entries(variables)
    .filter(([name]) => /KEY|SECRET|TOKEN|PASS|JWKS/.test(name))
    .flatMap(([, value]) => [value, ...value.split(/[\s",{}:[\]]+/)])
    .concat(Object.values(variables).flatMap(secretParts))
    .filter((secret) => secret.length >= LEAST_LENGTH)
    .sort((one, other) => other.length - one.length);
  return (text) => {
    let scrubbed = text;
    for (const secret of secrets) scrubbed = scrubbed.replaceAll(secret, "[secret]");
    return scrubbed.replace(/[^\s@<>"'(),;:]{1,64}@[^\s@<>"'(),;:]{1,255}/g, "[address]");
  };
}

/** Of a URL what its owner would not show: password, query and all. */
function secretParts(value: string): string[] {
  if (!URL.canParse(value)) return [];
  const { password, search, searchParams } = new URL(value);
  return [password, decodeURIComponent(password), search.slice(1), ...searchParams.values()];
}
