/**
 * Amounts as Stripe counts them. Its smallest unit is our minor unit but for the Icelandic krona,
 * which it still counts in hundredths. Source: docs.stripe.com/currencies.
 */

/** Currencies that Stripe takes in thousandths, but only when the last digit is 0. */
const ONLY_TENS = new Set(["BHD", "JOD", "KWD", "OMR", "TND"]);

/**
 * Least that Stripe collects, in Stripe's units. Smaller invoices count as paid at once there. Source:
 * docs.stripe.com/currencies#minimum-and-maximum-charge-amounts.
 */
const MINIMUM: Readonly<Record<string, number>> = {
  USD: 50,
  AED: 200,
  AUD: 50,
  BGN: 100,
  BRL: 50,
  CAD: 50,
  CHF: 50,
  CZK: 1500,
  DKK: 250,
  EUR: 50,
  GBP: 30,
  HKD: 400,
  HUF: 17_500,
  INR: 50,
  JPY: 50,
  MXN: 1000,
  MYR: 200,
  NOK: 300,
  NZD: 50,
  PLN: 200,
  RON: 200,
  SEK: 300,
  SGD: 50,
  THB: 1000,
};

/** Our minor units to Stripe's. */
export function toStripeAmount(minor: number, currency: string): number {
  return currency === "ISK" ? minor * 100 : minor;
}

/** Stripe's units to our minor units. */
export function fromStripeAmount(amount: number, currency: string): number {
  return currency.toUpperCase() === "ISK" ? Math.trunc(amount / 100) : amount;
}

/** Least of our minor units that Stripe collects; 1 for currencies without a published minimum. */
export function stripeMinimum(currency: string): number {
  return fromStripeAmount(MINIMUM[currency] ?? 1, currency);
}

/** Most digits of an amount, in Stripe's units, where they are not eight. */
const MOST_DIGITS: Readonly<Record<string, number>> = {
  COP: 10,
  HUF: 10,
  IDR: 12,
  INR: 9,
  JPY: 10,
  LBP: 12,
};

/**
 * Largest amount of minor units that Stripe collects. An invoice of more counts as paid at once
 * there, as one of too little does. Source: docs.stripe.com/currencies.
 */
export function stripeMaximum(currency: string): number {
  return fromStripeAmount(10 ** (MOST_DIGITS[currency] ?? 8) - 1, currency);
}

/** What of an amount of minor units Stripe cannot collect: the last digit of thousandths. */
export function uncollectableRest(minor: number, currency: string): number {
  return ONLY_TENS.has(currency) ? minor % 10 : 0;
}
