/** `npm start` with some trades, as it is for people, in a folder of its own. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../local/ports.ts";
import { openTradeStore } from "../../lib/trades/trade-store.ts";
import { startTestDynamoDB } from "./dynamodb.ts";
import { run, untilReady } from "./stack.ts";
import { tradeRun } from "./trades.ts";

export interface RunningStack {
  readonly url: string;
  readonly port: number;
  /** All that its parts have written so far: their log files and what people see. */
  logs(): string;
  /** Ends it; what it has written can still be read. */
  end(): Promise<void>;
  remove(): void;
}

/** Starts it. @param variables of the configuration, beside the places. */
export async function startStack(
  variables: Readonly<Record<string, string>> = {},
): Promise<RunningStack> {
  const localDir = mkdtempSync(join(tmpdir(), "k2-stack-"));
  const database = await startTestDynamoDB();
  const { client, table } = database;
  const store = openTradeStore({ client, table, ttlDays: 0, shards: new Map(), recentShards: 4 });
  await store.recordTrades(tradeRun({ symbol: "BTCUSDT", count: 200 }));
  const port = await freePort();
  const stack = run("start", {
    DYNAMODB_ENDPOINT: database.endpoint,
    ...variables,
    LOCAL_DIR: localDir,
    PORT: String(port),
  });
  await untilReady(stack, localDir);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    logs: () => {
      const folder = join(localDir, "logs");
      const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
      return [...files, stack.output()].join("\n");
    },
    end: async () => {
      stack.process.kill("SIGTERM");
      await stack.ended;
      await database.close();
    },
    remove: () => rmSync(localDir, { recursive: true, force: true }),
  };
}
