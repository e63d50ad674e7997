import { measured } from "k2-trades/metrics";
import { metrics } from "./metrics.ts";

interface Guest {
  readonly name?: string;
  /** Guests behind this one. */
  readonly waiting?: number;
}

/** Greets, and counts its greetings. */
export const handler = await measured(
  "greet",
  async ({ name = "world", waiting = 0 }: Guest, _context, client) => {
    client.increment("greetings", 1, { language: "en" });
    client.gauge("guests_waiting", waiting);
    return `Hello, ${name}!`;
  },
  { metrics },
);
