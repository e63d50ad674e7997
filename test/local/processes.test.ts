import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { startChild, type Child, type ChildOptions } from "../../local/processes.ts";
import { tempFolder } from "../support/temp-folder.ts";

const PROCESSES = join(import.meta.dirname, "../../local/processes.ts");

function start(script: string, options: Partial<ChildOptions> = {}): Child {
  return startChild({
    name: "the child",
    command: [process.execPath, "-e", script],
    logPath: join(tempFolder(), "logs", "child.log"),
    ...options,
  });
}

/** The process id the child prints in its first line. */
async function pidOf(child: Child): Promise<number> {
  await vi.waitUntil(() => child.lastLines().length > 0, { timeout: 30_000 });
  return Number(child.lastLines()[0]);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const FOREVER = "console.log(process.pid); setInterval(() => {}, 1000);";

describe("a child process", () => {
  it("is asked to end, and may tidy up first", async () => {
    const child = start(
      `process.on("SIGTERM", () => { console.log("tidied up"); process.exit(3); }); ${FOREVER}`,
    );
    const pid = await pidOf(child);
    await child.end();
    expect(await child.ended).toBe("exit code 3");
    expect(child.lastLines()).toContain("tidied up");
    expect(child.died.aborted).toBe(false);
    expect(isAlive(pid)).toBe(false);
  });

  it("that will not end is killed, and so are its own children", async () => {
    const child = start(
      `${FOREVER} process.on("SIGTERM", () => {});
       const { spawn } = require("node:child_process");
       console.log(spawn("sleep", ["1000"]).pid);`,
    );
    await vi.waitUntil(() => child.lastLines().length > 1, { timeout: 30_000 });
    const [own = 0, grandchild = 0] = child.lastLines().map(Number);
    await child.end(200);
    await vi.waitUntil(() => !isAlive(own) && !isAlive(grandchild), { timeout: 30_000 });
    expect(isAlive(grandchild)).toBe(false);
  });

  it("that ends by itself is noticed, with its exit code and last lines", async () => {
    const child = start(
      `for (let i = 1; i <= 30; i++) console.log("line " + i); process.exitCode = 7;`,
    );
    await once(child.died, "abort");
    const { message } = child.died.reason as Error;
    expect(message).toContain("the child ended by itself (exit code 7); its log is ");
    expect(message).toMatch(/line 29\n {2}\| line 30$/);
    expect(child.lastLines()).toHaveLength(20);
    expect(child.lastLines().at(-1)).toBe("line 30");
  });

  it("that does not exist is noticed too", async () => {
    const child = start("", { command: ["no-such-program"] });
    expect(await child.ended).toBe("exit code 127");
    expect(child.lastLines().join()).toContain("not found");
  });

  it("has its lines logged, without colours, and handed on", async () => {
    const lines: string[] = [];
    const child = start(`console.log("\\u001b[31mred\\u001b[0m"); console.error("bad")`, {
      onLine: (line) => lines.push(line),
    });
    await child.ended;
    expect(lines.sort()).toEqual(["bad", "red"]);
    expect(readFileSync(child.logPath, "utf8").split("\n").sort()).toEqual(["", "bad", "red"]);
  });

  it("is gone soon after its parent was killed outright", async () => {
    const parent = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `import { startChild } from ${JSON.stringify(PROCESSES)};
         startChild({
           name: "orphan", logPath: ${JSON.stringify(join(tempFolder(), "orphan.log"))},
           command: [process.execPath, "-e", ${JSON.stringify(FOREVER)}],
           onLine: (line) => console.log(line),
         });`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(line.toString());
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await vi.waitUntil(() => !isAlive(pid), { timeout: 30_000 });
    expect(isAlive(pid)).toBe(false);
  });
});
