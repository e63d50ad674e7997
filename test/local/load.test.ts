import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../lib/config/service-config.ts";
import { formatBinanceLine } from "../../local/binance.ts";
import { findDatabase } from "../../local/find-database.ts";
import { localFolder } from "../../local/folder.ts";
import { makeSampleTrades } from "../../local/sample-trades.ts";
import { walk } from "../support/stored-trades.ts";
import { run, stillRunning, familyOf, type End, type Run } from "../support/stack.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { zipOf } from "../support/zip.ts";

const NAME = "BTCUSDT-trades-2021-03-01.csv";

/** Lines of a dump: so many trades. */
function linesOf(count: number): string {
  const trades = makeSampleTrades({ date: "2021-03-01", count: Math.ceil(count / 0.3) });
  const lines = trades.filter((trade) => trade.symbol === "BTCUSDT").map(formatBinanceLine);
  return `${lines.slice(0, count).join("\n")}\n`;
}

function write(name: string, content: string | Buffer): string {
  const path = join(tempFolder(), name);
  writeFileSync(path, content);
  return path;
}

function load(localDir: string, ...args: string[]): Promise<End> {
  return run("load", { LOCAL_DIR: localDir }, args).ended;
}

describe("npm run load, without a stack", { timeout: 120_000 }, () => {
  it("loads a csv, then the same trades from a zip as nothing new", async () => {
    const localDir = tempFolder();
    const csv = write(
      NAME,
      `id,price,qty,quote_qty,time,is_buyer_maker,is_best_match\n${linesOf(300)}`,
    );
    const zip = write("day.zip", zipOf({ [NAME]: linesOf(300) }));
    const first = await load(localDir, csv);
    expect(first).toMatchObject({ code: 0 });
    expect(first.output).toContain("recorded 300, duplicates 0, conflicts 0, bad lines 0");
    const second = await load(localDir, zip);
    expect(second).toMatchObject({ code: 0 });
    expect(second.output).toMatch(
      /recorded 0, duplicates 300, conflicts 0, bad lines 0;.*Nothing changed\./,
    );
    expect(readdirSync(join(localDir, "loads"))).toEqual([]);
  });

  it("tells bad lines and conflicts by file and line, and exits with 1", async () => {
    const localDir = tempFolder();
    const csv = write(NAME, linesOf(5));
    await load(localDir, csv);
    const [line = ""] = readFileSync(csv, "utf8").split("\n");
    appendFileSync(csv, `oops\n${line.replace(/,[\d.]+,/, ",1.5,")}\n`);
    const { code, output } = await load(localDir, csv);
    expect(code).toBe(1);
    expect(output).toContain(`${csv}:6: expected 7 columns (or 6, in futures), got 1\n`);
    expect(output).toMatch(/: trade \d+ was recorded before with another price\n/);
    expect(output).toContain("recorded 0, duplicates 5, conflicts 1, bad lines 1");
  });

  it("tells twenty of many bad lines, and counts the others", async () => {
    const csv = write(NAME, "oops\n".repeat(3_000));
    const { code, output } = await load(tempFolder(), csv);
    expect(code).toBe(1);
    expect(output.match(/expected 7 columns/g)).toHaveLength(20);
    expect(output).toContain("more like these are only counted");
    expect(output).toContain("recorded 0, duplicates 0, conflicts 0, bad lines 3,000");
  });

  it("goes on where it was killed, and loses and doubles nothing", async () => {
    const localDir = tempFolder();
    const content = linesOf(9_000);
    const csv = write(NAME, content);
    let lines = 0;
    for (let kills = 0; kills < 2; kills += 1) {
      const killed = run("load", { LOCAL_DIR: localDir }, [csv]);
      lines = await linesKept(localDir, killed, lines);
      killed.process.kill("SIGKILL");
      expect(await killed.ended).toMatchObject({ code: "SIGKILL" });
    }
    const { code, output } = await load(localDir, csv);
    expect(code).toBe(0);
    const [, after = ""] = /going on after line ([\d,]+)\./.exec(output) ?? [];
    expect(Number(after.replaceAll(",", ""))).toBeGreaterThanOrEqual(lines);
    const [, recorded = "", duplicates = ""] =
      /recorded ([\d,]+), duplicates ([\d,]+), conflicts 0, bad lines 0/.exec(output) ?? [];
    const sum = [recorded, duplicates]
      .map((count) => Number(count.replaceAll(",", "")))
      .reduce((a, b) => a + b, 0);
    expect(sum).toBe(9_000);
    expect((await load(localDir, csv)).output).toContain("recorded 0, duplicates 9,000");
    expect(await linesServed(localDir)).toBe(content);
  });

  it("stops at Ctrl-C after the chunk under way, and with --restart begins anew", async () => {
    const localDir = tempFolder();
    const csv = write(NAME, linesOf(9_000));
    const stopped = run("load", { LOCAL_DIR: localDir }, [csv]);
    await linesKept(localDir, stopped);
    const family = familyOf(stopped.process.pid ?? 0);
    stopped.process.kill("SIGINT");
    const end = await stopped.ended;
    expect(end).toMatchObject({ code: 130 });
    expect(end.output).toMatch(/Stopped after line \d+; the same command goes on there\./);
    expect(stillRunning(family)).toEqual([]);
    const { output } = await load(localDir, "--restart", csv);
    expect(output).not.toContain("going on");
    expect(output).toMatch(/recorded [\d,]+, duplicates [1-9][\d,]*, conflicts 0/);
  });

  it.each([
    ["no file", [], /^Which file\? Expected one or more\.\nSee: npm run load -- --help\n$/],
    [
      "an unknown option",
      ["--fast", NAME],
      /^Unknown option '--fast'\nSee: npm run load -- --help\n$/,
    ],
    ["a file that is not there", ["no.csv"], /^no\.csv: no such file\n$/],
    [
      "a symbol in small letters",
      ["--symbol", "btcusdt", import.meta.filename],
      /^--symbol: expected 1 to 32 of A-Z/,
    ],
    [
      "a file of no known symbol",
      [import.meta.filename],
      /give --symbol\nSee: npm run load -- --help\n$/,
    ],
    [
      "a symbol of no known currency",
      ["--symbol", "ABC", import.meta.filename],
      /in which currency are prices of ABC\? Give --currency/,
    ],
  ] as const)("with %s does not run: one sentence, exit code 2", async (_fact, args, message) => {
    const { code, output } = await load(tempFolder(), ...args);
    expect(code).toBe(2);
    expect(output).toMatch(message);
  });

  it("explains itself", async () => {
    const { code, output } = await load(tempFolder(), "--help");
    expect(code).toBe(0);
    expect(output).toContain("npm run load -- [options] FILE...");
  });

  it("with a database that does not answer exits with 2", async () => {
    const environment = { LOCAL_DIR: tempFolder(), DYNAMODB_ENDPOINT: "http://127.0.0.1:9" };
    const { code, output } = await run("load", environment, [write(NAME, linesOf(1))]).ended;
    expect(code).toBe(2);
    expect(output).toContain("127.0.0.1:9");
    expect(output).not.toContain("    at ");
  });
});

/** The folder's trades of the file's symbol, as lines of a dump, oldest first. */
async function linesServed(localDir: string): Promise<string> {
  const database = await findDatabase(localFolder({ LOCAL_DIR: localDir }), loadConfig({}));
  const trades = await walk(database.store, { symbol: "BTCUSDT", limit: "1000" });
  await database.close();
  return `${trades.toReversed().map(formatBinanceLine).join("\n")}\n`;
}

/** Waits for a chunk after this line to be kept; answers the number of its last line. */
async function linesKept(localDir: string, command: Run, after = 0): Promise<number> {
  return vi.waitUntil(
    () => {
      if (command.process.exitCode !== null) throw new Error(`it ended: ${command.output()}`);
      try {
        const [name = ""] = readdirSync(join(localDir, "loads")).filter((file) =>
          file.endsWith(".json"),
        );
        const state = JSON.parse(readFileSync(join(localDir, "loads", name), "utf8")) as {
          position: { lines: number };
        };
        return state.position.lines > after ? state.position.lines : undefined;
      } catch {
        return undefined;
      }
    },
    { timeout: 60_000, interval: 5 },
  );
}
