/** The audit of what runs in production, asked of registries that answer this or that. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { json, text } from "node:stream/consumers";
import { createGunzip } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { tempFolder } from "../support/temp-folder.ts";

const ROOT = join(import.meta.dirname, "../..");
const TIMEOUT_MS = 120_000;
const ADVISORY = {
  id: 1,
  url: "https://example.org/GHSA-1",
  title: "Takes anything for valid",
  severity: "high",
  vulnerable_versions: "<99.0.0",
};

interface Registry {
  readonly url: string;
  /** Names of the packages that were asked about. */
  readonly asked: string[];
}

/** A registry that knows these advisories by package, or answers the question with this status. */
async function startRegistry(
  answer: Readonly<Record<string, readonly object[]>> | number,
): Promise<Registry> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      const name = decodeURIComponent(request.url?.slice(1) ?? "");
      response.end(JSON.stringify({ name, versions: {} }));
    } else if (typeof answer === "number") {
      request.resume();
      response.writeHead(answer).end();
    } else {
      void json(request.pipe(createGunzip())).then((versions) => {
        asked.push(...Object.keys(versions as object));
        response.end(JSON.stringify(answer));
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function audit(registry: string): Promise<{ code: number; output: string }> {
  const child = spawn("npm", ["run", "--silent", "audit"], {
    cwd: ROOT,
    env: {
      PATH: process.env["PATH"],
      HOME: tempFolder(),
      npm_config_registry: registry,
      npm_config_fetch_retries: "0",
    },
  });
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit") as Promise<[number]>,
  ]);
  return { code, output: output + errors };
}

describe("npm run audit", { timeout: TIMEOUT_MS }, () => {
  it("asks about what runs in production, and passes when nothing is known against it", async () => {
    const { url, asked } = await startRegistry({});
    const { code, output } = await audit(url);
    expect(output).toMatch(/audited \d+ packages of production: 0 findings/);
    expect(code).toBe(0);
    expect(asked).toContain("valibot");
    expect(asked).not.toContain("vitest");
  });

  it("fails on a finding and names it", async () => {
    const { url } = await startRegistry({ valibot: [ADVISORY] });
    const { code, output } = await audit(url);
    expect(output).toContain(
      "valibot: high: Takes anything for valid (https://example.org/GHSA-1)",
    );
    expect(code).toBe(1);
  });

  it.each([404, 405])(
    "says that nothing was audited where the registry has no list: status %i",
    async (status) => {
      const { url } = await startRegistry(status);
      const { code, output } = await audit(url);
      expect(output).toContain(`NOT AUDITED: the registry has no list of advisories: ${status}`);
      expect(code).toBe(0);
    },
  );

  it("fails where there should have been a list", async () => {
    const { url } = await startRegistry(500);
    const { code, output } = await audit(url);
    expect(output).toContain("the audit failed: 500");
    expect(code).toBe(1);
  });
});
