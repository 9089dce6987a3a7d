import { z } from "zod";
import {
  ClientPath,
  Day,
  Id,
  JsonObject,
  line,
  name,
  nothing,
  pageOf,
  paging,
  ShownInstant,
  text,
  words,
} from "./fields.ts";
import { READERS, type Route, STAFF } from "./route.ts";

const Locale = z.string().regex(
  /^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2}|-[0-9]{3})?$/,
  "not a language tag like en-US",
).refine(isLocale, "an unknown language");

/** A part of an address: one line. */
const addressPart = name(200);

/** An address in parts; the country by its two letters. */
export const PostalAddress = z.strictObject({
  line1: addressPart.optional(),
  line2: addressPart.optional(),
  city: addressPart.optional(),
  state: addressPart.optional(),
  postal_code: addressPart.optional(),
  country: z.string().regex(/^[A-Z]{2}$/, "two capital letters"),
});

/** An address of a mail. */
export const Email = z.string().max(254).regex(/^[^@\s\0]+@[^@\s\0]+$/, "like name@example.com")
  .refine((email) => text(254).safeParse(email).success, "cannot be stored");

const writable = {
  name: name(200),
  external_id: name(200).nullable(),
  email: Email.nullable(),
  address: z.array(line(200)).max(8),
  postal_address: PostalAddress.nullable(),
  tax_id: line(50).nullable(),
  locale: Locale,
  paper: z.enum(["A4", "Letter"]),
  time_zone: words(64),
  billing_anchor_day: z.int().min(1).max(31),
  status: z.enum(["active", "paused"]),
  started_on: Day,
  ended_on: Day.nullable(),
  metadata: JsonObject,
};

/**
 * A client as the API shows it. `ended_on` is the first day no longer served; null after it has
 * passed begins service anew today. `paused` ends service with today, `active` begins it anew.
 */
export const Client = z.strictObject({
  id: Id,
  name: z.string(),
  external_id: z.string().nullable(),
  email: z.string().nullable(),
  /** As printed on documents. */
  address: z.array(z.string()),
  /** The same in parts, where they are known: a change of one alone makes or ends the other. */
  postal_address: z.record(z.string(), z.string()).nullable(),
  tax_id: z.string().nullable(),
  locale: z.string(),
  paper: z.enum(["A4", "Letter"]),
  time_zone: z.string(),
  billing_anchor_day: z.int(),
  status: z.enum(["active", "paused"]),
  started_on: z.string(),
  ended_on: z.string().nullable(),
  metadata: z.record(z.string(), z.json()),
  created_at: ShownInstant,
});

/** A new client; a field left out takes the database's default. */
export const NewClient = z.strictObject(writable).partial().required({ name: true });

/** What is to change of a client. */
export const ClientChange = z.strictObject(writable).partial();

export const listClients = {
  id: "listClients",
  method: "GET",
  path: "/billing/clients",
  summary: "Clients by name; members see theirs",
  access: READERS,
  params: nothing,
  query: z.strictObject({
    ...paging,
    status: z.enum(["active", "paused"]).optional(),
    external_id: text(200).optional(),
  }),
  body: nothing,
  answer: pageOf(Client),
  status: 200,
} as const satisfies Route;

export const createClientRoute = {
  id: "createClient",
  method: "POST",
  path: "/billing/clients",
  summary: "Add a client",
  access: STAFF,
  params: nothing,
  query: nothing,
  body: NewClient,
  answer: Client,
  status: 201,
} as const satisfies Route;

export const getClient = {
  id: "getClient",
  method: "GET",
  path: "/billing/clients/{client_id}",
  summary: "One client",
  access: READERS,
  params: ClientPath,
  query: nothing,
  body: nothing,
  answer: Client,
  status: 200,
} as const satisfies Route;

export const updateClient = {
  id: "updateClient",
  method: "PATCH",
  path: "/billing/clients/{client_id}",
  summary: "Change a client; a new time zone holds from the client's next day",
  access: STAFF,
  params: ClientPath,
  query: nothing,
  body: ClientChange,
  answer: Client,
  status: 200,
} as const satisfies Route;

function isLocale(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}
