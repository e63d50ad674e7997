/** Every `serverless deploy` of the pages is taken as it stands there. */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parameterFaults } from "../../ops/serverless/parameters.ts";
import { packageService } from "../support/packaged-service.ts";
import { tempFolder } from "../support/temp-folder.ts";

interface Deployment {
  readonly page: string;
  readonly stage: string;
  readonly params: Readonly<Record<string, string>>;
}

const ROOT = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const DEFAULTS = (
  parse(read("serverless.yml"), { logLevel: "silent" }) as {
    params: { default: Readonly<Record<string, unknown>> };
  }
).params.default;
const DEPLOYMENTS = ["README.md", "docs/operations.md"].flatMap(deploymentsOf);

describe("documented deployments", () => {
  it("are found", () => {
    expect(new Set(DEPLOYMENTS.map(({ page }) => page)).size).toBe(2);
    expect(DEPLOYMENTS.length).toBeGreaterThanOrEqual(6);
  });

  it.each(DEPLOYMENTS)("of $page have nothing wrong with them: $params", ({ params }) => {
    expect(parameterFaults({ ...DEFAULTS, ...params }, Object.keys(DEFAULTS))).toEqual([]);
  });

  it("get certificates in one line by the command that stands there", () => {
    const [, command = ""] = /kafkaTlsCa=\$\((.*?)\)"/.exec(read("docs/operations.md")) ?? [];
    const folder = tempFolder();
    const certificates = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    writeFileSync(join(folder, "ca.pem"), certificates);
    const line = execFileSync("sh", ["-c", command], { cwd: folder, encoding: "utf8" });
    expect(line).toBe(certificates.replaceAll("\n", "\\n"));
  });

  it("with the most parameters packages", () => {
    const [most] = DEPLOYMENTS.toSorted((a, b) => countOf(b.params) - countOf(a.params));
    const service = packageService(most);
    try {
      expect(countOf(service.resources)).toBeGreaterThan(50);
    } finally {
      service.remove();
    }
  }, 300_000);
});

function countOf(record: object): number {
  return Object.keys(record).length;
}

/** A command may go on in the next line after a backslash; some stand in a sentence. */
function deploymentsOf(page: string): Deployment[] {
  const text = read(page);
  const commands =
    text.replaceAll("\\\n", " ").match(/npx serverless deploy --stage [^`\n]*/g) ?? [];
  return commands.map((command) => {
    // What a shell would put there.
    const given = command.replaceAll(/\$\([^)]*\)/g, "0a1b2c3");
    const params = [...given.matchAll(/--param="([^"=]+)=([^"]*)"/g)];
    const [, stage = ""] = /--stage (\w+)/.exec(given) ?? [];
    return {
      page,
      stage,
      params: Object.fromEntries(params.map(([, name = "", value = ""]) => [name, value])),
    };
  });
}
