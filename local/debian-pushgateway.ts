/**
 * The real Pushgateway out of Debian's package, unpacked into the local folder: nothing is installed
 * and nothing outside the folder changes, so it needs no rights and may fail at any time.
 */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const PACKAGE = "prometheus-pushgateway";
const DOWNLOAD_TIMEOUT_MS = 6_000;

/**
 * The path of the program, or `undefined` where there is no such package to be had. Tries the
 * download once in a folder's life, so that a machine without network is not slow each time.
 */
export async function debianPushgateway(folder: string): Promise<string | undefined> {
  const program = join(folder, PACKAGE);
  if (existsSync(program)) return program;
  const attempted = join(folder, "download-attempted");
  if (!existsSync("/etc/debian_version") || existsSync(attempted)) return undefined;
  await mkdir(folder, { recursive: true });
  await writeFile(attempted, "Remove this file to have the download tried again.\n");
  const scratch = await mkdtemp(join(folder, "download-"));
  try {
    await run("apt-get", ["download", "-q", PACKAGE], {
      cwd: scratch,
      timeout: DOWNLOAD_TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const [file = ""] = (await readdir(scratch)).filter((name) => name.endsWith(".deb"));
    await run("dpkg-deb", ["-x", join(scratch, file), scratch]);
    await rename(join(scratch, "usr/bin", PACKAGE), program);
    return program;
  } catch {
    return undefined;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
