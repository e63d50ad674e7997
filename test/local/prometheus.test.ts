import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { findProgram } from "../../local/find-pushgateway.ts";
import { localFolder } from "../../local/folder.ts";
import { freePort } from "../../local/ports.ts";
import { startPrometheus } from "../../local/prometheus.ts";
import { tempFolder } from "../support/temp-folder.ts";

const folder = () => localFolder({ LOCAL_DIR: tempFolder() });

it("is left out where none is installed", async () => {
  const port = await freePort();
  const options = { folder: folder(), port, api: "http://127.0.0.1:1", path: "" };
  expect(await startPrometheus(options)).toBeUndefined();
});

beforeEach(({ task, skip }) => {
  if (task.name.startsWith("is left out")) return;
  if (findProgram(["prometheus"], process.env["PATH"]) !== undefined) return;
  const reason = "prometheus is not installed (Debian: apt-get install prometheus)";
  if (process.env["CI"] !== undefined) throw new Error(reason);
  skip(reason);
});

it("scrapes the page with its token, keeps the page's labels, and knows the rules", async () => {
  const asked: (string | undefined)[] = [];
  const api = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization}`);
    response.setHeader("content-type", "text/plain; version=0.0.4");
    response.end('api_requests_total{service="k2-trades",instance=""} 7\n');
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void api.close());
  await once(api, "listening");
  const prometheus = await startPrometheus({
    folder: folder(),
    port: await freePort(),
    api: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
    scrapeToken: "open-sesame",
    path: process.env["PATH"],
  });
  onTestFinished(async () => prometheus?.close());
  const ask = async (path: string): Promise<unknown> => {
    const answer = await fetch(`${prometheus?.url}/api/v1/${path}`);
    return ((await answer.json()) as { data: unknown }).data;
  };
  const query = 'api_requests_total{service="k2-trades",instance="",job="k2-trades"}';
  await vi.waitFor(
    async () =>
      expect(await ask(`query?query=${encodeURIComponent(query)}`)).toMatchObject({
        result: [{ value: [expect.any(Number), "7"] }],
      }),
    { timeout: 90_000, interval: 200 },
  );
  expect(new Set(asked)).toEqual(new Set(["/metrics Bearer open-sesame"]));
  const { groups } = (await ask("rules")) as { groups: { name: string }[] };
  expect(groups.map(({ name }) => name)).toContain("k2-trades-availability");
});
