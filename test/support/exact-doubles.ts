/**
 * Exact arithmetic on doubles that is independent of the service's own, and slow: every finite
 * double is a whole number of 2^-1074.
 */

const SMALLEST = 2 ** -1074;
const BITS = 53;

/** The exact value of a double as a whole number of 2^-1074. */
export function toUnits(value: number): bigint {
  const bits = new BigUint64Array(new Float64Array([value]).buffer)[0] ?? 0n;
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = exponent === 0n ? fraction : (fraction | 0x10000000000000n) << (exponent - 1n);
  return value < 0 ? -magnitude : magnitude;
}

/** The double nearest to the exact sum of these, none of them below 0; ties to even. */
export function exactTotal(values: readonly number[]): number {
  const units = values.reduce((all, value) => all + toUnits(value), 0n);
  const excess = units.toString(2).length - BITS;
  if (excess <= 0) return Number(units) * SMALLEST;
  const shift = BigInt(excess);
  const rest = units - ((units >> shift) << shift);
  const half = 1n << (shift - 1n);
  const isOdd = ((units >> shift) & 1n) === 1n;
  const isUp = rest > half || (rest === half && isOdd);
  return Number((units >> shift) + (isUp ? 1n : 0n)) * 2 ** (excess - 1074);
}
