import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../local/ports.ts";
import { lockStack, readStackFile, type Servers, type StackLock } from "../../local/stack-file.ts";
import { tempFolder } from "../support/temp-folder.ts";

const servers: Servers = {
  url: "http://127.0.0.1:8000",
  dynamodb: "http://127.0.0.1:8001",
  ownsDynamodb: true,
  pushgateway: "http://127.0.0.1:9091",
  kafka: "127.0.0.1:9092",
  table: "k2-trades-dev",
};

async function listening(): Promise<number> {
  const server: Server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function lock(path: string): Promise<StackLock> {
  const taken = await lockStack(path, "npm start");
  if (!("release" in taken)) throw new Error(`held by ${taken.pid}`);
  return taken;
}

const deadPid = () => spawnSync(process.execPath, ["--version"]).pid;

describe("the stack file", () => {
  it("is absent before, tells who and where while it is held, and is gone afterwards", async () => {
    const path = join(tempFolder(), "deep", "stack.json");
    expect(await readStackFile(path)).toBeUndefined();
    const held = await lock(path);
    expect(await readStackFile(path)).toMatchObject({ pid: process.pid, command: "npm start" });
    const port = await listening();
    held.publish({ port, servers });
    expect(await readStackFile(path)).toMatchObject({ pid: process.pid, port, servers });
    held.release();
    expect(existsSync(path)).toBe(false);
  });

  it("can be held once; the second is told by whom", async () => {
    const path = join(tempFolder(), "stack.json");
    await lock(path);
    expect(await lockStack(path, "npm run load")).toMatchObject({
      pid: process.pid,
      command: "npm start",
    });
  });

  it("goes to one alone of many that want it at once", async () => {
    const path = join(tempFolder(), "stack.json");
    const taken = await Promise.all(Array.from({ length: 20 }, () => lockStack(path, "npm start")));
    expect(taken.filter((held) => "release" in held)).toHaveLength(1);
  });

  it.each([
    ["its process is dead", async () => ({ pid: deadPid(), startedAt: Date.now() })],
    [
      "its process id is another's now: nothing answers",
      async () => ({ pid: process.pid, startedAt: Date.now(), port: await freePort() }),
    ],
    [
      "its process id is another's now: it never came up",
      async () => ({ pid: process.pid, startedAt: Date.now() - 3_600_000 }),
    ],
    ["it is damaged", async () => ({ pid: "12" })],
  ])("counts for nothing when %s", async (_fact, note) => {
    const path = join(tempFolder(), "stack.json");
    writeFileSync(path, JSON.stringify({ command: "npm start", ...(await note()) }));
    expect(await readStackFile(path)).toBeUndefined();
    await lock(path);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ pid: process.pid });
  });

  it("that became another's is left alone by a release", async () => {
    const path = join(tempFolder(), "stack.json");
    const held = await lock(path);
    writeFileSync(path, JSON.stringify({ pid: 1, command: "npm start", startedAt: Date.now() }));
    held.release();
    expect(existsSync(path)).toBe(true);
  });
});
