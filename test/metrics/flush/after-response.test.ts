import { describe, expect, it, onTestFinished, vi } from "vitest";
import { followInvocations } from "../../../lib/metrics/flush/after-response.ts";
import type { InvokeEvent } from "../../../lib/metrics/flush/lambda-extension.ts";

/** An extension that gets its events from a test, and what happened, in order. */
function open() {
  const story: string[] = [];
  const arrived: PromiseWithResolvers<InvokeEvent>[] = [];
  let asked = 0;
  const eventOf = (index: number) => (arrived[index] ??= Promise.withResolvers());
  const afterResponse = followInvocations({
    askForNext() {
      const event = eventOf(asked);
      asked += 1;
      story.push(`asked ${asked}`);
      return async () => {
        story.push("reads");
        return await event.promise;
      };
    },
  });
  let sent = 0;
  return {
    story,
    afterResponse,
    /** An event comes, as it does when an invocation begins. */
    invoke: (requestId: string, leftMs = 60_000) => {
      eventOf(sent).resolve({ requestId, deadlineMs: Date.now() + leftMs });
      sent += 1;
    },
    fail: () => eventOf(sent).reject(new Error("no event")),
    /** Ends an invocation; its work is told in the story. */
    end: (requestId: string, work = () => Promise.resolve()) =>
      afterResponse.end(requestId, () => {
        story.push(`works for ${requestId}`);
        return work();
      }),
  };
}

const turns = async (count: number) => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

function useFakeTimers() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
}

describe("after a response", () => {
  it("work begins two turns later, and the next event is asked for when it has ended", async () => {
    const { story, afterResponse, invoke, end } = open();
    const gate = Promise.withResolvers<void>();
    invoke("r1");
    afterResponse.begin("r1");
    await end("r1", () => gate.promise);
    expect(story).toEqual(["asked 1"]);
    await turns(1);
    expect(story).toEqual(["asked 1"]);
    await turns(4);
    expect(story).toEqual(["asked 1", "works for r1"]);
    gate.resolve();
    await turns(1);
    expect(story).toEqual(["asked 1", "works for r1", "reads", "asked 2"]);
  });

  it("of one measured handler that another calls, nothing is done before the other has ended", async () => {
    const { story, afterResponse, invoke, end } = open();
    invoke("r1");
    afterResponse.begin("r1");
    afterResponse.begin("r1");
    await end("r1");
    await turns(5);
    expect(story).toEqual(["asked 1"]);
    await end("r1");
    await turns(5);
    expect(story).toEqual(["asked 1", "works for r1", "works for r1", "reads", "asked 2"]);
  });

  it("works of several environments go side by side, and one that fails holds up no other", async () => {
    const { story, afterResponse, invoke, end } = open();
    const gate = Promise.withResolvers<void>();
    invoke("r1");
    for (const _ of [1, 2]) afterResponse.begin("r1");
    await end("r1", () => Promise.reject(new Error("no")));
    await end("r1", () => gate.promise);
    await turns(5);
    expect(story).toEqual(["asked 1", "works for r1", "works for r1"]);
    gate.resolve();
    await turns(2);
    expect(story.at(-1)).toBe("asked 2");
  });

  it("work that falls due while other work is done comes before the next event", async () => {
    const { story, afterResponse, invoke, end } = open();
    const gate = Promise.withResolvers<void>();
    invoke("r1");
    afterResponse.begin("r1");
    await end("r1", () => gate.promise);
    await turns(5);
    afterResponse.begin("r1");
    await end("r1");
    gate.resolve();
    await turns(5);
    const works = ["works for r1", "works for r1"];
    expect(story).toEqual(["asked 1", ...works, "reads", "asked 2"]);
  });

  it("without events any more, work is done before the return", async () => {
    const { story, afterResponse, fail, end } = open();
    afterResponse.begin("r1");
    await end("r1");
    await expect.poll(() => story).toEqual(["asked 1", "works for r1", "reads"]);
    fail();
    await turns(1);
    afterResponse.begin("r2");
    await end("r2");
    expect(story.at(-1)).toBe("works for r2");
  });
});

describe("an invocation that never reaches a measured handler", () => {
  it("is held up for little more than a second", async () => {
    useFakeTimers();
    const { story, invoke } = open();
    invoke("warm up");
    await vi.advanceTimersByTimeAsync(150);
    expect(story).toEqual(["asked 1", "reads"]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(story).toEqual(["asked 1", "reads", "asked 2"]);
  });

  it("is let go when half of its time is over, if that is sooner", async () => {
    useFakeTimers();
    const { story, invoke } = open();
    invoke("warm up", 600);
    await vi.advanceTimersByTimeAsync(150);
    expect(story).toEqual(["asked 1", "reads"]);
    await vi.advanceTimersByTimeAsync(300);
    expect(story).toEqual(["asked 1", "reads", "asked 2"]);
  });

  it("is told from one that a handler in front of it delays, and from one that takes long", async () => {
    useFakeTimers();
    const { story, afterResponse, invoke, end } = open();
    invoke("r1");
    await vi.advanceTimersByTimeAsync(900);
    afterResponse.begin("r1");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(story).toEqual(["asked 1", "reads"]);
    await end("r1");
    await turns(5);
    expect(story).toEqual(["asked 1", "reads", "works for r1", "asked 2"]);

    invoke("r2");
    afterResponse.begin("r2");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(story.at(-1)).toBe("asked 2");
    await end("r2");
    await turns(5);
    expect(story.slice(4)).toEqual(["works for r2", "reads", "asked 3"]);
  });

  it("that was given up too early puts no later one out of step", async () => {
    useFakeTimers();
    const { story, afterResponse, invoke, end } = open();
    invoke("r1");
    await vi.advanceTimersByTimeAsync(1_200);
    expect(story).toEqual(["asked 1", "reads", "asked 2", "reads"]);
    afterResponse.begin("r1");
    await end("r1");
    await turns(5);
    expect(story.slice(4)).toEqual(["works for r1"]);

    // The event of the next one comes while that is at work, and is known to be its.
    afterResponse.begin("r2");
    invoke("r2");
    await turns(5);
    expect(story).toHaveLength(5);
    await end("r2");
    await turns(5);
    expect(story.slice(5)).toEqual(["works for r2", "asked 3"]);
  });

  it("is not looked for at a thaw, when a handler is about to begin", async () => {
    useFakeTimers();
    const { story, invoke } = open();
    await turns(1);
    const performanceNow = vi.spyOn(performance, "now");
    performanceNow.mockReturnValue(performance.now() + 60_000);
    invoke("r1");
    await vi.advanceTimersByTimeAsync(100);
    expect(story).toEqual(["asked 1"]);
    performanceNow.mockRestore();
  });
});
