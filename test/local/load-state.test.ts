import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadStateFile, type LoadState } from "../../local/load-state.ts";
import { tempFolder } from "../support/temp-folder.ts";

const state: LoadState = {
  position: { bytes: 1_234, lines: 20 },
  recorded: 15,
  duplicates: 2,
  conflicts: 1,
  bad: 2,
};

describe("the state of a load", () => {
  it("is what was written last, in a folder made for it", () => {
    const file = loadStateFile(join(tempFolder(), "loads"), ["a.csv", "local"]);
    expect(file.read()).toBeUndefined();
    file.write(state);
    file.write({ ...state, recorded: 16 });
    expect(file.read()).toEqual({ ...state, recorded: 16 });
    file.remove();
    file.remove();
    expect(file.read()).toBeUndefined();
  });

  it("is another one for another file, symbol or database", () => {
    const folder = tempFolder();
    loadStateFile(folder, ["a.csv", "local"]).write(state);
    expect(loadStateFile(folder, ["a.csv", "http://127.0.0.1:8001"]).read()).toBeUndefined();
    expect(loadStateFile(folder, ["a.csv,local"]).read()).toBeUndefined();
  });

  it.each([
    ["cut off", (text: string) => text.slice(0, -5)],
    ["empty", () => ""],
    ["without a position", (text: string) => text.replace("position", "elsewhere")],
    ["with a negative count", (text: string) => text.replace('"bad":2', '"bad":-2')],
  ])("counts as none when its file is %s", (_fact, damage) => {
    const folder = tempFolder();
    const file = loadStateFile(folder, ["a.csv"]);
    file.write(state);
    const path = join(folder, readdirSync(folder)[0] ?? "");
    writeFileSync(path, damage(readFileSync(path, "utf8")));
    expect(file.read()).toBeUndefined();
  });
});
