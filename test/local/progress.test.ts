import { PassThrough } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { formatCount, formatDuration, startProgress } from "../../local/progress.ts";

function stream(isTTY: boolean) {
  const written = new PassThrough();
  let text = "";
  written.on("data", (data: Buffer) => (text += data.toString()));
  const terminal = Object.assign(written, { isTTY, columns: 100 }) as unknown as NodeJS.WriteStream;
  return { terminal, text: () => text };
}

describe("progress", () => {
  it("off a terminal is a line every three seconds, with rate and time left", () => {
    const { terminal, text } = stream(false);
    let now = 0;
    const progress = startProgress({
      label: "day.csv",
      total: 1_000,
      things: "trades",
      stream: terminal,
      now: () => now,
    });
    for (let second = 1; second <= 7; second += 1) {
      now = second * 1_000;
      progress.update(second * 100, second * 2_000);
    }
    progress.note("line 5: bad");
    progress.stop();
    expect(text()).toBe(
      "day.csv: 30 %, 6,000 trades, 2,000 trades/s, 0:07 left\n" +
        "day.csv: 60 %, 12,000 trades, 2,000 trades/s, 0:04 left\n" +
        "line 5: bad\n",
    );
  });

  it("of a resumed load counts only what is new as speed", () => {
    const { terminal, text } = stream(false);
    let now = 0;
    const progress = startProgress({
      label: "day.csv",
      total: 1_000,
      things: "trades",
      stream: terminal,
      from: { done: 900, count: 90_000 },
      now: () => now,
    });
    now = 5_000;
    progress.update(950, 95_000);
    expect(text()).toBe("day.csv: 95 %, 95,000 trades, 1,000 trades/s, 0:05 left\n");
  });

  it("on a terminal is a bar that is gone at the end", async () => {
    const { terminal, text } = stream(true);
    const progress = startProgress({
      label: "day.csv",
      total: 1_000,
      things: "trades",
      stream: terminal,
    });
    progress.update(500, 10);
    await vi.waitUntil(() => text().includes("50 %, 10 trades"), { timeout: 30_000 });
    progress.stop();
    progress.stop();
    expect(text()).toContain("day.csv [");
    expect(text().slice(text().lastIndexOf("day.csv"))).toContain("\u001B[0J");
  });

  it.each([
    [0, "0:00"],
    [5.4, "0:05"],
    [65, "1:05"],
    [3_725, "1:02:05"],
  ])("%d seconds are written %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it("counts have thousands marked", () => {
    expect(formatCount(1_234_567.4)).toBe("1,234,567");
  });
});
