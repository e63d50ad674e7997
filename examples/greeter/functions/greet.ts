import { measured } from "k2-trades/metrics";
import { metrics } from "./metrics.ts";

/** Greets, and counts its greetings. */
export const handler = await measured(
  "greet",
  async (
    { name = "world", waiting = 0 }: { name?: string; waiting?: number },
    _context,
    client,
  ) => {
    client.increment("greetings", 1, { language: "en" });
    client.gauge("guests_waiting", waiting);
    return `Hello, ${name}!`;
  },
  { metrics },
);
