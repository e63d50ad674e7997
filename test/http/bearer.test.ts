import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { describe, expect, it, onTestFinished } from "vitest";
import { requireBearer } from "../../lib/http/bearer.ts";
import { toRequest } from "../../lib/http/request.ts";
import { apiEvent } from "../support/api-event.ts";

const TOKEN = "correct-horse-battery";
const carrying = (authorization?: string) =>
  toRequest(apiEvent({ headers: authorization === undefined ? {} : { authorization } }));

describe("requireBearer", () => {
  it.each([`Bearer ${TOKEN}`, `bearer  ${TOKEN}`])("lets %j pass", (authorization) => {
    expect(() => requireBearer(carrying(authorization), TOKEN)).not.toThrow();
  });

  it("lets anyone pass when there is no token to carry", () => {
    expect(() => requireBearer(carrying(), undefined)).not.toThrow();
  });

  it.each([
    [undefined, "Bearer"],
    ["", "Bearer"],
    ["Basic abc", "Bearer"],
    [TOKEN, "Bearer"],
    ["Bearer", "Bearer"],
    ["Bearer ", "Bearer"],
    [`Bearer ${TOKEN} ${TOKEN}`, "Bearer"],
    ["Bearer wrong", 'Bearer error="invalid_token"'],
    [`Bearer ${TOKEN}x`, 'Bearer error="invalid_token"'],
    [`Bearer ${TOKEN.slice(0, -1)}`, 'Bearer error="invalid_token"'],
    [`Bearer ${TOKEN.toUpperCase()}`, 'Bearer error="invalid_token"'],
  ])("refuses %j with the challenge %s", (authorization, challenge) => {
    expect(() => requireBearer(carrying(authorization), TOKEN)).toThrow(
      expect.objectContaining({
        code: "UNAUTHORIZED",
        headers: { "www-authenticate": challenge },
      }),
    );
  });

  it("repeats neither token", () => {
    const refusal = () => requireBearer(carrying("Bearer given-secret"), TOKEN);
    expect(refusal).toThrow(
      expect.not.objectContaining({ detail: expect.stringContaining(TOKEN) }),
    );
    expect(refusal).not.toThrow(/given-secret/);
  });

  it.each(["a", TOKEN.slice(0, -1), `${TOKEN}x`, "x".repeat(100_000), TOKEN])(
    "takes as long over %j as over any other: one comparison of two digests in constant time",
    (given) => {
      const compared: number[][] = [];
      const real = crypto.timingSafeEqual;
      crypto.timingSafeEqual = (a, b) => {
        compared.push([a.byteLength, b.byteLength]);
        return real(a, b);
      };
      syncBuiltinESMExports();
      onTestFinished(() => {
        crypto.timingSafeEqual = real;
        syncBuiltinESMExports();
      });
      try {
        requireBearer(carrying(`Bearer ${given}`), TOKEN);
      } catch {
        // Whether it is refused is for the tests above.
      }
      expect(compared).toEqual([[32, 32]]);
    },
  );
});
