import { describe, expect, it } from "vitest";
import { allowedMethods, routesOf, TEMPLATES } from "../lib/routes.ts";

describe("allowedMethods", () => {
  it.each(TEMPLATES)("%s answers GET, HEAD and OPTIONS", (template) => {
    const others = template === "/trades" ? ["POST"] : [];
    expect(allowedMethods(template)).toEqual(["GET", "HEAD", ...others, "OPTIONS"]);
  });

  it.each(["", "/nope", "/{proxy+}", "/summary", "/summary/{symbol}", "__proto__", "toString"])(
    "%j answers none",
    (template) => {
      expect(allowedMethods(template)).toEqual([]);
    },
  );
});

describe("routesOf", () => {
  it("lists the routes of a function, and none for a function that has none", () => {
    expect(routesOf("list-trades")).toEqual([{ method: "GET", template: "/trades" }]);
    expect(routesOf("answer-unknown")).toEqual([]);
  });
});
