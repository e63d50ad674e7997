import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { debianPushgateway } from "../../local/debian-pushgateway.ts";
import { tempFolder } from "../support/temp-folder.ts";

const isDebian = existsSync("/etc/debian_version");

afterEach(() => void vi.unstubAllEnvs());

/** Puts an `apt-get` of our own first on the path: a shell script. */
function useAptGet(script: string): void {
  const folder = tempFolder();
  writeFileSync(join(folder, "apt-get"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, "apt-get"), 0o755);
  vi.stubEnv("PATH", `${folder}${delimiter}${process.env["PATH"]}`);
}

/** A package with a Pushgateway that only says its name. */
function makePackage(): string {
  const root = join(tempFolder(), "package");
  mkdirSync(join(root, "DEBIAN"), { recursive: true });
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  writeFileSync(
    join(root, "DEBIAN/control"),
    "Package: prometheus-pushgateway\nVersion: 1\nArchitecture: all\nMaintainer: none\nDescription: test\n",
  );
  writeFileSync(join(root, "usr/bin/prometheus-pushgateway"), "#!/bin/sh\necho the Pushgateway\n", {
    mode: 0o755,
  });
  execFileSync("dpkg-deb", ["--build", root, `${root}.deb`], { stdio: "ignore" });
  return `${root}.deb`;
}

describe.runIf(isDebian)("the Pushgateway of Debian's package", () => {
  it("is unpacked into the folder, and found there from then on", async () => {
    useAptGet(`cp ${makePackage()} .`);
    const folder = join(tempFolder(), "pushgateway");
    const program = await debianPushgateway(folder);
    expect(program).toBe(join(folder, "prometheus-pushgateway"));
    expect(execFileSync(program ?? "", { encoding: "utf8" })).toBe("the Pushgateway\n");
    useAptGet("exit 1");
    expect(await debianPushgateway(folder)).toBe(program);
  });

  it.each([
    ["the download fails", "exit 100"],
    ["nothing is downloaded", "exit 0"],
    ["what is downloaded is damaged", "echo oops > x.deb"],
  ])("is done without when %s, and not tried again", async (_fact, script) => {
    const folder = join(tempFolder(), "pushgateway");
    const calls = join(tempFolder(), "calls");
    useAptGet(`echo called >> ${calls}\n${script}`);
    expect(await debianPushgateway(folder)).toBeUndefined();
    expect(await debianPushgateway(folder)).toBeUndefined();
    expect(readFileSync(calls, "utf8")).toBe("called\n");
  });
});
