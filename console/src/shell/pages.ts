import type { ComponentType } from "preact";
import type { Session } from "../session/session.ts";
import type { PageProps } from "../pages/page-props.ts";
import type { Key } from "../words/english.ts";

/** A page: its path, the roles that see it, and its code, loaded when it is first opened. */
export interface Page {
  readonly title: string;
  /** The title in the language of the user, of pages that members see. */
  readonly name?: Key;
  /** Parts of the path; `*` stands for any text. */
  readonly path: readonly string[];
  readonly roles: readonly Session["role"][];
  readonly inMenu: boolean;
  /** Whether the menu has it only for users who are admin of a client. */
  readonly forAdmins?: true;
  readonly load: () => Promise<{ readonly default: ComponentType<PageProps> }>;
}

const both = ["operator", "member"] as const;

/** Every page there is. The server decides what a user may read: roles only say what is shown. */
export const PAGES: readonly Page[] = [
  {
    title: "Home",
    path: [],
    roles: ["operator"],
    inMenu: true,
    load: () => import("../pages/home.tsx"),
  },
  {
    title: "Spend",
    name: "spend",
    path: [],
    roles: ["member"],
    inMenu: true,
    load: () => import("../pages/spend.tsx"),
  },
  {
    title: "Clients",
    path: ["clients"],
    roles: ["operator"],
    inMenu: true,
    load: () => import("../pages/clients.tsx"),
  },
  {
    title: "Client",
    path: ["clients", "*"],
    roles: ["operator"],
    inMenu: false,
    load: () => import("../pages/client.tsx"),
  },
  {
    title: "Usage",
    path: ["usage"],
    roles: ["operator"],
    inMenu: true,
    load: () => import("../pages/all-usage.tsx"),
  },
  {
    title: "Usage",
    name: "usage",
    path: ["usage"],
    roles: ["member"],
    inMenu: true,
    load: () => import("../pages/usage.tsx"),
  },
  {
    title: "Invoices",
    name: "invoices",
    path: ["invoices"],
    roles: both,
    inMenu: true,
    load: () => import("../pages/invoices.tsx"),
  },
  {
    title: "Invoice",
    name: "invoice",
    path: ["invoices", "*"],
    roles: both,
    inMenu: false,
    load: () => import("../pages/invoice.tsx"),
  },
  {
    title: "Why this price",
    name: "whyThisPrice",
    path: ["invoices", "*", "lines", "*"],
    roles: both,
    inMenu: false,
    load: () => import("../pages/line.tsx"),
  },
  {
    title: "Quarantine",
    path: ["quarantine"],
    roles: ["operator"],
    inMenu: true,
    load: () => import("../pages/quarantine.tsx"),
  },
  {
    title: "Deliveries",
    path: ["deliveries"],
    roles: ["operator"],
    inMenu: true,
    load: () => import("../pages/deliveries.tsx"),
  },
  {
    title: "Prices",
    path: ["prices"],
    roles: ["operator"],
    inMenu: true,
    load: () => import("../pages/prices.tsx"),
  },
  {
    title: "Price proposals",
    path: ["proposals"],
    roles: ["operator"],
    inMenu: true,
    load: () => import("../pages/proposals.tsx"),
  },
  {
    title: "Stripe",
    path: ["stripe"],
    roles: ["operator"],
    inMenu: true,
    load: () => import("../pages/stripe.tsx"),
  },
  {
    title: "Runs and jobs",
    path: ["runs"],
    roles: ["operator"],
    inMenu: true,
    load: () => import("../pages/runs.tsx"),
  },
  {
    title: "Audit log",
    path: ["audit"],
    roles: ["operator"],
    inMenu: true,
    load: () => import("../pages/audit.tsx"),
  },
  {
    title: "Settings",
    path: ["settings"],
    roles: ["operator"],
    inMenu: true,
    load: () => import("../pages/settings.tsx"),
  },
  {
    title: "Credit",
    name: "credit",
    path: ["credit"],
    roles: ["member"],
    inMenu: true,
    load: () => import("../pages/credit.tsx"),
  },
  {
    title: "Second factor",
    name: "secondFactor",
    path: ["second-factor"],
    roles: both,
    inMenu: false,
    load: () => import("../pages/second-factor.tsx"),
  },
  {
    title: "Statement",
    name: "statement",
    path: ["statement"],
    roles: ["member"],
    inMenu: true,
    load: () => import("../pages/statement.tsx"),
  },
  {
    title: "Members",
    name: "members",
    path: ["members"],
    roles: ["member"],
    inMenu: true,
    forAdmins: true,
    load: () => import("../pages/members.tsx"),
  },
];

/** The page of a path for a user, or undefined where there is none. */
export function pageAt(path: readonly string[], role: Session["role"]): Page | undefined {
  return PAGES.find((page) =>
    page.roles.includes(role) && page.path.length === path.length &&
    page.path.every((part, index) => part === "*" || part === path[index])
  );
}
