import { Buffer } from "node:buffer";
import { env } from "node:process";

/** Text without the secrets it was told of and without addresses of people. */
export type Redact = (text: string) => string;

/** Shorter ones would be found in ordinary words. */
const LEAST_LENGTH = 6;

/** A segment of a path that is no word: hooks are often known by one alone. */
const TOKEN_IN_PATH = /^(?=.*\d)[^/]{12,}$/;

/** A token of an agent's key, which no variable holds. */
const AGENT_TOKEN = /\blea_[0-9a-f]{56}\b/g;

/**
 * Takes out what must not be written down: the values of the variables whose names say that they
 * are secret, passwords and tokens within URLs, e-mail addresses. `variables` are the function's.
 */
export function redactor(variables: Readonly<Record<string, string>>): Redact {
  const redactSecrets = secretRedactor(variables);
  return (text) =>
    redactSecrets(text).replace(
      /[^\s@<>"'(),;:]{1,64}@[^\s@<>"'(),;:]{1,255}/g,
      "[address]",
    );
}

/**
 * Text of others without the secrets of this function's variables: what Stripe, a mail server or
 * HERMES answer may quote what they were sent, and it is stored and shown.
 */
export function withoutSecrets(
  text: string,
  variables: Readonly<Record<string, string | undefined>> = env,
): string {
  const given = Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]]
  );
  return secretRedactor(Object.fromEntries(given))(text);
}

function secretRedactor(variables: Readonly<Record<string, string>>): Redact {
  const secrets = Object.entries(variables)
    .filter(([name]) => /KEY|SECRET|TOKEN|PASS|JWKS/.test(name))
    .flatMap(([, value]) => [value, ...value.split(/[\s",{}:[\]]+/)])
    .concat(Object.values(variables).flatMap(secretParts))
    .filter((secret) => secret.length >= LEAST_LENGTH)
    .sort((one, other) => other.length - one.length);
  return (text) => {
    let redacted = text.replace(AGENT_TOKEN, "[secret]");
    for (const secret of secrets) redacted = redacted.replaceAll(secret, "[secret]");
    return redacted;
  };
}

/**
 * Of a URL what its owner would not show: password, a user that is one, query and all, tokens in
 * its path; the ways in which HTTP and SMTP send them too.
 */
function secretParts(value: string): string[] {
  if (!URL.canParse(value)) return [];
  const { username, password, pathname, search, searchParams } = new URL(value);
  const [user, word] = [decoded(username), decoded(password)];
  return [
    ...(password === "" ? [username, user] : [
      password,
      word,
      ...[word, `${user}:${word}`, `\0${user}\0${word}`].map(base64),
    ]),
    search.slice(1),
    ...searchParams.values(),
    ...pathname.split("/").filter((segment) => TOKEN_IN_PATH.test(segment)),
  ];
}

/** As it is where it is not percent-encoded properly: the password of a URL can be anything. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
