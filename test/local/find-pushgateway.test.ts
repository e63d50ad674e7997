import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { findProgram, startAnyPushgateway } from "../../local/find-pushgateway.ts";
import { localFolder } from "../../local/folder.ts";
import { freePort } from "../../local/ports.ts";
import { tempFolder } from "../support/temp-folder.ts";

function program(folder: string, name: string, mode = 0o755): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, "#!/bin/sh\n");
  chmodSync(path, mode);
  return path;
}

describe("finding a program", () => {
  it("takes the first folder of the path that has one that may be run", () => {
    const root = tempFolder();
    program(join(root, "a"), "pushgateway", 0o644);
    const wanted = program(join(root, "b"), "pushgateway");
    program(join(root, "c"), "prometheus-pushgateway");
    const path = ["a", "none", "b", "c"].map((name) => join(root, name)).join(delimiter);
    expect(findProgram(["prometheus-pushgateway", "pushgateway"], path)).toBe(wanted);
  });

  it.each([undefined, "", delimiter])("finds none on the path %j", (path) => {
    expect(findProgram(["pushgateway"], path)).toBeUndefined();
  });
});

describe("a Pushgateway of our own", () => {
  it.each([
    ["the real one where there is one", process.env["PATH"]],
    ["the embedded one elsewhere", ""],
  ])("is %s; it answers, and keeps what was pushed over a restart", async (_fact, path) => {
    const folder = localFolder({ LOCAL_DIR: tempFolder() });
    // As if the download had failed before: these tests need no network.
    program(folder.pushgateway, "download-attempted");
    const first = await startAnyPushgateway({ folder, path, port: await freePort() });
    const pushed = await fetch(`${first.url}/metrics/job/tests`, {
      method: "PUT",
      body: "kept_total 3\n",
    });
    expect(pushed.ok).toBe(true);
    await first.close();
    const second = await startAnyPushgateway({ folder, path, port: await freePort() });
    onTestFinished(async () => second.close());
    expect(await (await fetch(`${second.url}/metrics`)).text()).toContain(
      'kept_total{instance="",job="tests"} 3',
    );
  });
});
