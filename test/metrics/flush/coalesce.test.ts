import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coalesce } from "../../../lib/metrics/flush/coalesce.ts";

function open() {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const run = coalesce(
    (options: string) => {
      begun.push(options);
      const { promise, resolve } = Promise.withResolvers<string>();
      ends.push(() => resolve(options));
      return promise;
    },
    (one, other) => `${one}+${other}`,
  );
  return { run, begun, end: () => ends.shift()?.() };
}

describe("coalesce", () => {
  it("runs at once when nothing runs", async () => {
    const { run, begun, end } = open();
    const result = run("a");
    expect(begun).toEqual(["a"]);
    end();
    expect(await result).toBe("a");
  });

  it("runs once more for all that came while it ran, told what each of them was", async () => {
    const { run, begun, end } = open();
    const first = run("a");
    const later = [run("b"), run("c"), run("d")];
    expect(begun).toEqual(["a"]);
    end();
    await first;
    await Promise.resolve();
    expect(begun).toEqual(["a", "b+c+d"]);
    end();
    expect(await Promise.all(later)).toEqual(["b+c+d", "b+c+d", "b+c+d"]);
  });

  it("answers no call with a run that had begun before it", async () => {
    const { run, begun, end } = open();
    const first = run("a");
    const second = run("b");
    end();
    await first;
    // The second may have begun by now, so the third must not join it.
    const third = run("c");
    end();
    end();
    expect(await second).toContain("b");
    const isJoined = begun.length === 2;
    if (!isJoined) end();
    expect(await third).toBe(begun.at(-1));
    expect(begun.at(-1)).toContain("c");
  });

  it("never runs twice at once, and leaves no call unanswered", async () => {
    const law = fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.nat(3), { minLength: 1, maxLength: 20 }),
      async (scheduler, pauses) => {
        let running = 0;
        let clock = 0;
        const run = coalesce(
          async (calls: readonly number[]) => {
            const beganAt = (clock += 1);
            running += 1;
            expect(running).toBe(1);
            await scheduler.schedule(Promise.resolve());
            running -= 1;
            return { calls, beganAt };
          },
          (one, other) => [...one, ...other],
        );
        const results = pauses.map(async (pause, i) => {
          for (let turn = 0; turn < pause; turn += 1) await scheduler.schedule(Promise.resolve());
          const calledAt = (clock += 1);
          const { calls, beganAt } = await run([i]);
          expect(calls).toContain(i);
          expect(beganAt).toBeGreaterThan(calledAt);
        });
        await scheduler.waitFor(Promise.all(results));
      },
    );
    await fc.assert(law);
  });
});
