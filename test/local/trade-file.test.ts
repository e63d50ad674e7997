import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openTradeFile } from "../../local/trade-file.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { zipOf } from "../support/zip.ts";

const CSV = "1,2,3,6,1610064000278,True,True\n2,2,3,6,1610064000279,False,True\n";

function write(name: string, content: string | Buffer): string {
  const path = join(tempFolder(), name);
  writeFileSync(path, content);
  return path;
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(stream)).toString();
}

describe("a trade file", () => {
  it.each([
    ["day.csv", CSV, "day.csv"],
    ["day.zip", zipOf({ "BTCUSDT-trades-2021-01-08.csv": CSV }), "BTCUSDT-trades-2021-01-08.csv"],
    [
      "DAY.ZIP",
      zipOf({ "readme.txt": "hello", "b/BTCUSDT-trades-2021-01-08.csv": CSV }),
      "BTCUSDT-trades-2021-01-08.csv",
    ],
  ])("%s is read from any byte on", async (name, content, csvName) => {
    const file = await openTradeFile(write(name, content));
    expect([file.csvName, file.csvBytes]).toEqual([csvName, CSV.length]);
    for (const from of [0, 1, 32, CSV.length])
      expect(await textOf(file.read(from))).toBe(CSV.slice(from));
  });

  it.each([
    ["nothing inside", "day.zip", zipOf({}), "expected one .csv inside, found 0"],
    [
      "two files inside",
      "day.zip",
      zipOf({ "a.csv": CSV, "b.csv": CSV }),
      "expected one .csv inside, found 2",
    ],
    ["no zip inside", "day.zip", CSV, "not a zip file"],
  ])("with %s is refused before anything is read", async (_fact, name, content, reason) => {
    await expect(openTradeFile(write(name, content))).rejects.toThrow(reason);
  });

  it("that is not there, or a folder, is refused with its name", async () => {
    const folder = tempFolder();
    await expect(openTradeFile(join(folder, "no.csv"))).rejects.toThrow(/no\.csv: no such file/);
    await expect(openTradeFile(folder)).rejects.toThrow("not a file");
  });

  it.each([
    [
      "with a wrong checksum",
      zipOf({ "a.csv": CSV }, 1),
      "the checksum of the CSV inside does not match",
    ],
    ["with a hole", withHole(zipOf({ "a.csv": CSV.repeat(100) })), "damaged"],
  ])("a zip %s is found out while it is read", async (_fact, content, reason) => {
    const file = await openTradeFile(write("day.zip", content));
    await expect(textOf(file.read(0))).rejects.toThrow(reason);
  });

  it("is another one once it has changed", async () => {
    const path = write("day.csv", CSV);
    const before = await openTradeFile(path);
    expect((await openTradeFile(path)).identity).toBe(before.identity);
    writeFileSync(path, `${CSV}\n`);
    expect((await openTradeFile(path)).identity).not.toBe(before.identity);
  });
});

function withHole(zip: Buffer): Buffer {
  return Buffer.from(zip).fill(0xff, 40, 60);
}
