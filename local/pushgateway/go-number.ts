/**
 * Numbers as Go reads and writes them, which is how the Pushgateway does.
 */

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const INFINITE = /^([+-]?)inf(inity)?$/i;

/**
 * Reads a number of the exposition format.
 * @returns `undefined` for what is no number, and for one too large for a double.
 */
export function parseGoNumber(text: string): number | undefined {
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return Number.NaN;
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

/**
 * Writes a double as Go's `%v` does: the fewest digits that read back the same, with an exponent
 * below 0.0001 and from a million on (`1.58e+09`, `5e-324`).
 */
export function formatGoNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa = "", power = ""] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 6) return String(value);
  const digits = String(Math.abs(exponent)).padStart(2, "0");
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${digits}`;
}

/** Writes a count as Go does: all digits while it is a whole number below 2^64. */
export function formatGoCount(value: number): string {
  const isInteger = Number.isInteger(value) && value >= 0 && value < 2 ** 64;
  return isInteger ? BigInt(value).toString() : formatGoNumber(value);
}
