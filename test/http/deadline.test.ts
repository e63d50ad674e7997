import { describe, expect, it } from "vitest";
import { withinDeadline } from "../../lib/http/deadline.ts";

describe("withinDeadline", () => {
  it("settles as the work does", async () => {
    await expect(withinDeadline(1_000, Promise.resolve(7))).resolves.toBe(7);
    await expect(withinDeadline(1_000, Promise.reject(new TypeError("no")))).rejects.toThrow("no");
  });

  it("is UNAVAILABLE with a Retry-After when the work never ends", async () => {
    const { promise } = Promise.withResolvers<never>();
    await expect(withinDeadline(5, promise)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      retryAfterSeconds: 1,
    });
  });
});
