import { describe, expect, it } from "vitest";
import { describeError } from "../../local/describe-error.ts";

describe("an error in a few words", () => {
  it.each([
    ["its message", new Error("no such file"), "no such file"],
    [
      "its cause's message",
      new TypeError("fetch failed", { cause: new Error("ECONNRESET") }),
      "ECONNRESET",
    ],
    [
      "its code, where there is no message",
      Object.assign(new Error(""), { code: "ECONNREFUSED" }),
      "ECONNREFUSED",
    ],
    [
      "the last of its parts' messages",
      new AggregateError([new Error("refused once"), new Error("refused again")], "failed twice"),
      "refused again",
    ],
    ["its name, where there is nothing else", new TypeError(""), "TypeError"],
    ["what was thrown, where it is no error", "oops", "oops"],
  ])("is %s", (_fact, error, words) => {
    expect(describeError(error)).toBe(words);
  });
});
