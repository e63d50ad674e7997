import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import {
  startPushgateway,
  type EmbeddedPushgatewayOptions,
} from "../../../local/pushgateway/server.ts";
import { tempFolder } from "../../support/temp-folder.ts";

/** What the embedded Pushgateway does beyond the contract it shares with the real one. */

async function start(options: Partial<EmbeddedPushgatewayOptions> = {}) {
  const gateway = await startPushgateway({ port: 0, ...options });
  onTestFinished(gateway.close);
  return gateway;
}

const push = (url: string, body: string, headers = {}) =>
  fetch(`${url}/metrics/job/j`, { method: "PUT", body, headers });

it("goes by the clock it is given", async () => {
  let nowMs = Date.parse("2026-11-23T10:00:00.250Z");
  const { url } = await start({ nowMs: () => nowMs });
  await push(url, "x 1\n");
  nowMs += 90_000;
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get("date")).toBe("Mon, 23 Nov 2026 10:01:30 GMT");
  expect(await response.text()).toContain(
    'push_time_seconds{instance="",job="j"} 1.79542800025e+09',
  );
});

it("tells of itself under a real one's names", async () => {
  const { url } = await start();
  await push(url, "x 1\n");
  await push(url, "x one\n");
  const page = await (await fetch(`${url}/metrics`)).text();
  expect(page).toContain('pushgateway_build_info{version="embedded"} 1\n');
  expect(page).toContain('pushgateway_http_requests_total{code="200",method="put"} 1\n');
  expect(page).toContain('pushgateway_http_requests_total{code="400",method="put"} 1\n');
  const status = await (await fetch(`${url}/api/v1/status`)).json();
  expect(status).toMatchObject({ status: "success", data: { build_information: {} } });
});

it("refuses protobuf with a reason", async () => {
  const { url } = await start();
  const type = "application/vnd.google.protobuf; encoding=delimited";
  const response = await push(url, "\0", { "content-type": type });
  expect(response.status).toBe(415);
  expect(await response.text()).toContain("text format");
});

it("saves its groups soon after a push, not only at its end", async () => {
  const persistencePath = join(tempFolder(), "groups.json");
  const { url } = await start({ persistencePath });
  await push(url, "x 1\n");
  await vi.waitUntil(() => existsSync(persistencePath), { timeout: 30_000 });
  expect(readFileSync(persistencePath, "utf8")).toContain('"name":"x"');
});

it.each(["", "{", "null", '{"version":2,"groups":[]}', '{"version":1}'])(
  "does not begin over a file that holds something else: %j",
  async (content) => {
    const persistencePath = join(tempFolder(), "groups.json");
    writeFileSync(persistencePath, content);
    await expect(start({ persistencePath })).rejects.toThrow(
      `${persistencePath}: expected groups of the embedded Pushgateway`,
    );
    expect(readFileSync(persistencePath, "utf8")).toBe(content);
  },
);

it("says when its port is taken", async () => {
  const { url } = await start();
  await expect(start({ port: Number(new URL(url).port) })).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
});
