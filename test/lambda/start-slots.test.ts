import { availableParallelism } from "node:os";
import { expect, it } from "vitest";
import { takeStartSlot } from "../support/lambda/start-slots.ts";

it("two processes a core start at once, and the next when one of them has started", async () => {
  const taken = await Promise.all(
    Array.from({ length: 2 * availableParallelism() }, takeStartSlot),
  );
  let isTaken = false;
  const next = takeStartSlot().then((giveBack) => {
    isTaken = true;
    return giveBack;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isTaken).toBe(false);
  taken[0]?.();
  (await next)();
  for (const giveBack of taken.slice(1)) giveBack();
});
