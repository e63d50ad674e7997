import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPushgateway } from "../../local/pushgateway/server.ts";
import { apiEvent } from "../support/api-event.ts";
import { startFaultyProxy, type FaultyProxy } from "../support/faulty-proxy.ts";

const FUNCTIONS = join(import.meta.dirname, "../../functions");
const INVOCATIONS = 3;

let proxy: FaultyProxy;
let close: () => Promise<void>;

beforeAll(async () => {
  const pushgateway = await startPushgateway({ port: 0 });
  proxy = await startFaultyProxy({ target: pushgateway.url });
  close = () => Promise.all([proxy.close(), pushgateway.close()]).then(() => undefined);
});
afterAll(() => close());

/** Answers an event a few times with a function in a process of its own; its statuses come last. */
const INVOKER = `
  const [file, event, invocations] = process.argv.slice(1);
  const { handler } = await import(file);
  const context = { getRemainingTimeInMillis: () => 20_000 };
  const statuses = [];
  for (let i = 0; i < Number(invocations); i += 1)
    statuses.push((await handler(JSON.parse(event), context)).statusCode);
  process.stdout.write(JSON.stringify(statuses), () => process.exit());
`;

function invoke(name: string, variables: Readonly<Record<string, string>>) {
  const event = JSON.stringify(apiEvent({ route: "/" }));
  const args = [join(FUNCTIONS, `${name}.ts`), event, String(INVOCATIONS)];
  const env = { PUSHGATEWAY_URL: proxy.url, ...variables };
  return promisify(execFile)(
    process.execPath,
    ["--input-type=module", "--eval", INVOKER, ...args],
    { env, timeout: 60_000 },
  );
}

describe("times that could retire a live environment", () => {
  const broken = { METRICS_LEASE_SECONDS: "1800" };

  it("keep a function from pushing and from nothing else, with one error that names them", async () => {
    const { stdout } = await invoke("show-index", broken);
    const lines = stdout.split("\n");
    expect(lines.at(-1)).toBe(JSON.stringify(Array.from({ length: INVOCATIONS }, () => 200)));
    const errors = lines.filter((line) => line.includes('"level":"error"'));
    expect(errors).toEqual([
      expect.stringMatching(/"metrics are not pushed".*METRICS_RETIRE_AFTER_SECONDS: expected/),
    ]);
    expect(proxy.requests).toEqual([]);
  });

  it.each(["scrape-metrics", "retire-environments"])("keep %s from starting", async (name) => {
    await expect(invoke(name, broken)).rejects.toThrow(
      /INVALID_CONFIG: METRICS_RETIRE_AFTER_SECONDS: expected/,
    );
    expect(proxy.requests).toEqual([]);
  });

  it("are the only thing that does: with the defaults it pushes", async () => {
    await invoke("show-index", {});
    expect(proxy.requests.map(({ method }) => method)).toEqual(
      Array.from({ length: INVOCATIONS }, () => "PUT"),
    );
  });
});
