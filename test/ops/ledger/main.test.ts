import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openDynamoDbLedger } from "../../../lib/metrics/retire/dynamodb-ledger.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../../support/dynamodb.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const MAIN = join(import.meta.dirname, "../../../ops/ledger/main.ts");

let dynamodb: TestDynamoDB;
beforeAll(async () => {
  dynamodb = await startTestDynamoDB();
  for (const [service, total] of [
    ["k2-trades", 7],
    ["broken", -7],
  ] as const) {
    const { client, table } = dynamodb;
    const ledger = openDynamoDbLedger({ client, table, service, stage: "dev" });
    await ledger.writeBase({
      version: 1,
      totals: [
        {
          name: "a_total",
          type: "counter",
          help: "",
          pushedAtSeconds: 1,
          series: [{ labels: {}, counter: [total] }],
        },
      ],
      pushgateways: [
        {
          url: "http://gateway:9091",
          horizonSeconds: Date.now() / 1_000 - 1_800,
          offsetSeconds: 0.5,
          heldUntilSeconds: 0,
          tombstones: { x: 9 },
        },
        {
          url: "http://former:9091",
          horizonSeconds: 0,
          offsetSeconds: 0,
          heldUntilSeconds: 0,
          vacantSinceSeconds: Date.now() / 1_000 - 10_800,
          leftAtSeconds: Date.now() / 1_000 - 600,
          tombstones: {},
        },
      ],
    });
  }
});
afterAll(async () => dynamodb.close());

function ledger(...args: readonly string[]): Promise<{ code: number; output: string }> {
  const env = {
    PATH: process.env["PATH"],
    LOCAL_DIR: tempFolder(),
    DYNAMODB_ENDPOINT: dynamodb.endpoint,
    TABLE_NAME: dynamodb.table,
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });
}

it("explains a ledger", async () => {
  const { code, output } = await ledger();
  expect(code).toBe(0);
  expect(output).toContain("1 series in 1 families");
  expect(output).toMatch(
    /http:\/\/gateway:9091: all groups pushed more than 30 min ago are folded; 1 tombstones/,
  );
  expect(output).toMatch(
    /http:\/\/former:9091: .*; not configured, and empty for 3.0 h; off the list for 10 min, and read no more/,
  );
  expect(output).toMatch(/1 {2}a_total \(counter\), 7 in all/);
});

it("says that a ledger is empty", async () => {
  const { code, output } = await ledger("--service", "unheard-of");
  expect([code, output]).toEqual([
    0,
    expect.stringContaining("The ledger of unheard-of (dev) is empty"),
  ]);
});

it("checks a ledger, and its exit code tells", async () => {
  expect(await ledger("check")).toEqual({
    code: 0,
    output: "The ledger of k2-trades (dev) is sound.\n",
  });
  const broken = await ledger("check", "--service", "broken");
  expect(broken.code).toBe(1);
  expect(broken.output).toContain("found -7");
});

it("exports a ledger as JSON", async () => {
  const path = join(tempFolder(), "ledger.json");
  expect((await ledger("export", path)).code).toBe(0);
  expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
    service: "k2-trades",
    base: { version: 1, totals: [{ name: "a_total" }] },
    floor: { version: 0 },
  });
  expect(JSON.parse((await ledger("export", "-")).output)).toHaveProperty("base");
});

it.each([
  [["burn"], 'Expected explain, check or export FILE, got "burn"'],
  [["export"], "Export to which file?"],
  [["--force"], "Unknown option '--force'"],
])("refuses %j with what was expected", async (args, expected) => {
  const { code, output } = await ledger(...args);
  expect(code).toBe(2);
  expect(output).toContain(expected);
});
