/** What may import what, and who reads the environment: held by the linter's rules. */

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..");

/** A file and what it imports that it must not. */
const REFUSED: [file: string, imports: string][] = [
  ["lib/service.ts", "../functions/list-trades.ts"],
  ["lib/service.ts", "../local/stack.ts"],
  ["lib/service.ts", "../test/support/api.ts"],
  ["lib/config/values.ts", "../service.ts"],
  ["lib/config/values.ts", "../metrics/push/push-client.ts"],
  ["lib/metrics/tally.ts", "../config/metrics-config.ts"],
  ["lib/metrics/tally.ts", "../trades/trade.ts"],
  ["lib/metrics/record/definitions.ts", "../../trades/trade.ts"],
  ["lib/metrics/record/definitions.ts", "../../http/request.ts"],
  ["lib/metrics/record/definitions.ts", "../../config/metrics-config.ts"],
  ["lib/metrics/record/definitions.ts", "../../measured.ts"],
  ["lib/metrics/record/definitions.ts", "../push/totals.ts"],
  ["lib/metrics/push/totals.ts", "../flush/environment.ts"],
  ["lib/metrics/push/totals.ts", "../page/scrape.ts"],
  ["lib/metrics/flush/environment.ts", "../read/pushgateway.ts"],
  ["lib/metrics/flush/environment.ts", "../retire/ledger.ts"],
  ["lib/metrics/page/scrape.ts", "../flush/environment.ts"],
  ["lib/metrics/page/scrape.ts", "../../service.ts"],
  ["lib/trades/trade.ts", "../metrics/tally.ts"],
  ["lib/trades/trade.ts", "../metrics/record/metrics-client.ts"],
  ["lib/trades/trade.ts", "../http/request.ts"],
  ["lib/trades/trade.ts", "@aws-sdk/lib-dynamodb"],
  ["lib/http/request.ts", "../trades/trade.ts"],
  ["lib/http/request.ts", "../config/api-config.ts"],
  ["functions/list-trades.ts", "./list-symbols.ts"],
  ["functions/list-trades.ts", "../local/stack.ts"],
  ["functions/list-trades.ts", "@aws-sdk/util-dynamodb"],
  ["local/stack.ts", "../functions/list-trades.ts"],
  ["local/stack.ts", "../test/support/api.ts"],
];

const ALLOWED: [file: string, imports: string][] = [
  ["functions/list-trades.ts", "../lib/service.ts"],
  ["lib/measured.ts", "./metrics/flush/environment.ts"],
  ["lib/metrics/tally.ts", "./family.ts"],
  ["lib/metrics/flush/environment.ts", "../push/totals.ts"],
  ["lib/metrics/flush/environment.ts", "../record/definitions.ts"],
  ["lib/metrics/flush/environment.ts", "../../log.ts"],
  ["lib/metrics/push/totals.ts", "../record/definitions.ts"],
  ["lib/trades/trade.ts", "../errors.ts"],
  ["test/functions/api.test.ts", "../../functions/list-trades.ts"],
];

let folder: string;
let refused: Set<string>;

const ID = "no-restricted-imports";
const inFolder = (kind: string, i: number, file: string) => {
  const [first = "", ...rest] = file.split("/");
  return join(first, ...rest.slice(0, -1), `${kind}-${i}-${rest.at(-1)}`);
};

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "k2-seams-"));
  copyFileSync(join(ROOT, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
  for (const [kind, rows] of [
    ["refused", REFUSED],
    ["allowed", ALLOWED],
  ] as const)
    for (const [i, [file, imports]] of rows.entries())
      write(inFolder(kind, i, file), `import "${imports}";\n`);
  for (const file of ["lib/measured.ts", "lib/config/process-variables.ts"])
    write(file, "export const variables = process.env;\n");
  const { stdout } = spawnSync("oxlint", ["--format", "json"], {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: `${join(ROOT, "node_modules/.bin")}:${process.env["PATH"]}` },
  });
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: { code: string; filename: string }[];
  };
  refused = new Set(diagnostics.map(({ code, filename }) => `${code} ${filename}`));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the linter", () => {
  it.each(REFUSED.map((row, i) => [...row, i] as const))(
    "refuses in %s an import of %s",
    (file, _imports, i) => {
      expect(refused).toContain(`eslint(${ID}) ${inFolder("refused", i, file)}`);
    },
  );

  it.each(ALLOWED.map((row, i) => [...row, i] as const))(
    "takes in %s an import of %s",
    (file, _imports, i) => {
      expect(refused).not.toContain(`eslint(${ID}) ${inFolder("allowed", i, file)}`);
    },
  );

  it("refuses process.env anywhere in lib but in one file", () => {
    const rule = "node(no-process-env)";
    expect(refused).toContain(`${rule} lib/measured.ts`);
    expect(refused).not.toContain(`${rule} lib/config/process-variables.ts`);
  });
});
