import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const [, table = ""] = /\n## Threats\n([^]*?)\n## /.exec(read("docs/security.md")) ?? [];
const THREATS = table
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| threat |"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, threat = "", , tests = ""]) => ({ threat, tests }));

it("lists threats", () => {
  expect(THREATS.length).toBeGreaterThan(20);
});

it.each(THREATS)("“$threat” is held off by tests that are there", ({ tests }) => {
  const named = [...tests.matchAll(/`(test\/[\w./-]+\.test\.ts)` “([^”]+)”/g)];
  expect(named.length).toBe(tests.split("`test/").length - 1);
  expect(named.length).toBeGreaterThan(0);
  for (const [, path = "", title = ""] of named) {
    expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
    expect([title, read(path).includes(title)]).toEqual([title, true]);
  }
});
