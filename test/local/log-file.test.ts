import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openLogFile } from "../../local/log-file.ts";
import { tempFolder } from "../support/temp-folder.ts";

describe("a log file", () => {
  it("begins anew each time, in a folder made for it", () => {
    const path = join(tempFolder(), "logs", "a.log");
    const first = openLogFile(path);
    first.write("one");
    first.close();
    const second = openLogFile(path);
    second.write("two");
    second.close();
    second.write("too late");
    expect(readFileSync(path, "utf8")).toBe("two\n");
  });

  it("never grows past two halves, and keeps the newest lines", () => {
    const path = join(tempFolder(), "a.log");
    const log = openLogFile(path, 100);
    for (let line = 0; line < 1_000; line += 1) log.write(`line ${line}`);
    log.close();
    expect(existsSync(`${path}.old`)).toBe(true);
    const both = readFileSync(`${path}.old`, "utf8") + readFileSync(path, "utf8");
    expect(both.length).toBeLessThan(250);
    expect(both).toMatch(/line 998\nline 999\n$/);
  });
});
