import { measured } from "k2-trades/metrics";

/** Greets, and counts its greetings by language. */
export const handler = await measured(
  "greet",
  async ({ name = "world" }: { name?: string }, _context, metrics) => {
    metrics.increment("greetings", 1, { language: "en" });
    metrics.histogram("greeting_length_bytes", Buffer.byteLength(name));
    return `Hello, ${name}!`;
  },
);
