import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { TEMPLATES } from "../lib/routes.ts";
import { problemType } from "../lib/http/problem.ts";
import { describeApi } from "../openapi/document.ts";
import { exampleOf, PUBLIC_CODES, ref, SCHEMAS } from "../openapi/schemas.ts";

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"));
const { version } = read("package.json") as { version: string };

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: "api", components: { schemas: SCHEMAS } });

describe("openapi.json", () => {
  it("is current; `npm run openapi` writes it", () => {
    expect(read("openapi.json")).toEqual(JSON.parse(JSON.stringify(describeApi(version))));
  });

  it("describes exactly the routes there are", () => {
    const { paths } = read("openapi.json") as { paths: object };
    expect(Object.keys(paths).toSorted()).toEqual(TEMPLATES.toSorted());
  });

  it.each(Object.keys(SCHEMAS).filter((name) => name !== "Problem") as (keyof typeof SCHEMAS)[])(
    "the example of %s is valid",
    (name) => {
      const isValid = ajv.compile({ $ref: `api${String(ref(name)["$ref"])}` });
      expect([isValid(exampleOf(ref(name))), isValid.errors]).toEqual([true, null]);
    },
  );

  it.each(PUBLIC_CODES)("names the problem type of %s", (code) => {
    expect(JSON.stringify(SCHEMAS.Problem)).toContain(`"${problemType(code)}"`);
  });
});
