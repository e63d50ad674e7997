import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { VARIABLE_NAMES } from "../lib/config/every-part.ts";
import { COMMON_METRICS } from "../lib/metrics/record/catalogue.ts";
import { TEMPLATES } from "../lib/routes.ts";
import { SERVICE_METRICS } from "../lib/service-metrics.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (name: string) => readFileSync(join(ROOT, name), "utf8");
const readme = read("README.md");

describe("the README", () => {
  it.each(
    [...COMMON_METRICS, ...SERVICE_METRICS].map(({ name, type, labels = [] }) => ({
      name,
      type,
      labels,
    })),
  )("lists $name with its type and labels", ({ name, type, labels }) => {
    const row = readme.split("\n").find((line) => line.startsWith(`| \`${name}\` |`));
    expect(row).toContain(`| ${type}`);
    for (const label of labels) expect(row).toContain(label);
  });

  it.each(TEMPLATES.filter((template) => template !== "/"))("names the route %s", (template) => {
    expect(readme).toContain(template);
  });

  it("explains every variable of the configuration but those that Lambda sets", () => {
    const own = VARIABLE_NAMES.filter((name) => !name.startsWith("AWS_"));
    expect(own.length).toBeGreaterThan(20);
    expect(own.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });
});

it("every test that the design names for a promise exists", () => {
  const named = [...read("docs/design.md").matchAll(/`(test\/[\w./-]+\.test\.ts)`/g)];
  expect(named.length).toBeGreaterThan(5);
  for (const [, path = ""] of named) expect(read(path)).toMatch(/\bit[.(]/);
});
