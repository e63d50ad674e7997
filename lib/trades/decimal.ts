/**
 * Decimals as they travel: text with up to ten digits before the point and eight after it, never a
 * float. DynamoDB numbers keep 38 digits but drop trailing zeros, so the scale is put back on the
 * way out.
 */

import { Big } from "big.js";

/** Digits after the point of every price, quantity, volume and average the service writes. */
export const SCALE = 8;

/** A decimal as it may be sent: decimal(18,8) without sign or exponent. */
export const DECIMAL_PATTERN = /^\d{1,10}(\.\d{1,8})?$/;

/** True when a text of `DECIMAL_PATTERN`'s form is more than zero. */
export function isPositive(decimal: string): boolean {
  return /[1-9]/.test(decimal);
}

/**
 * Writes a plain decimal (digits and an optional point) with exactly eight digits after the point
 * and no superfluous zero in front.
 */
export function canonicalDecimal(decimal: string): string {
  const [whole = "0", fraction = ""] = decimal.split(".");
  return `${whole.replace(/^0+(?=\d)/, "")}.${fraction.padEnd(SCALE, "0")}`;
}

/** Writes a number with scale 8, half-even when it has more digits. */
export function formatDecimal(value: Big): string {
  return value.toFixed(SCALE, Big.roundHalfEven);
}

/**
 * The volume-weighted average price Σpq/Σq with scale 8, rounded half-even.
 * @param totals exact sums; `volume` is more than zero.
 */
export function averagePrice(totals: { notional: string; volume: string }): string {
  return formatDecimal(exactQuotient(new Big(totals.notional), new Big(totals.volume)));
}

/**
 * Rounds the quotient once: big.js divides to `DP` digits with `RM`, so both are set for this one
 * division rather than rounding an already rounded quotient.
 */
function exactQuotient(dividend: Big, divisor: Big): Big {
  const Rounding = Big();
  Rounding.DP = SCALE;
  Rounding.RM = Rounding.roundHalfEven;
  return new Rounding(dividend).div(divisor);
}
