/**
 * The note that says who has the local folder open, and where its servers listen: `npm start` and a
 * loader without a stack hold it, `npm run load` and `npm run traffic` read it. The database's files
 * can't be opened twice, so it is the lock too.
 */

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isAnswering } from "./ports.ts";

/** The servers of a running stack. */
export interface Servers {
  /** Base URL of the API, without a slash at the end. */
  readonly url: string;
  readonly dynamodb: string;
  /** False when `DYNAMODB_ENDPOINT` was given: then the data is not in this folder. */
  readonly ownsDynamodb: boolean;
  /** One URL, or several separated by commas. */
  readonly pushgateway: string;
  /** `host:port`, several separated by commas. */
  readonly kafka: string;
  /** Absent where none is installed. */
  readonly prometheus?: string;
  readonly table: string;
}

export interface StackFile {
  readonly pid: number;
  /** What holds the folder, as people started it: `npm start`. */
  readonly command: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Answers as long as the holder lives; absent while it starts. */
  readonly port?: number;
  /** Absent while it starts, and in a loader, which serves nobody. */
  readonly servers?: Servers;
}

export interface StackLock {
  /** Tells others that it is up, and where its servers are. */
  publish(up: { readonly port: number; readonly servers?: Servers }): void;
  /** Removes the note, if it is still ours. */
  release(): void;
}

/** A start that is not up after this long is dead, whoever has its process id now. */
const STARTING_MS = 300_000;

/**
 * The live holder of the folder, or `undefined`. A dead process's note counts as none; since process
 * ids are given again after a reboot, a holder that is up must also answer on its port.
 */
export async function readStackFile(path: string): Promise<StackFile | undefined> {
  const stack = parse(path);
  if (stack === undefined || !isAlive(stack.pid)) return undefined;
  if (stack.port !== undefined) return (await isAnswering(stack.port)) ? stack : undefined;
  return Date.now() - stack.startedAt < STARTING_MS ? stack : undefined;
}

/** Takes the folder for this process; answers the live holder instead when there is one. */
export async function lockStack(path: string, command: string): Promise<StackLock | StackFile> {
  mkdirSync(dirname(path), { recursive: true });
  const mine: StackFile = { pid: process.pid, command, startedAt: Date.now() };
  if (!tryCreate(path, mine)) {
    const holder = await readStackFile(path);
    if (holder !== undefined) return holder;
    rmSync(path, { force: true });
    // Two that find the same dead note at once race for it here; the loser sees the winner's.
    if (!tryCreate(path, mine)) return (await readStackFile(path)) ?? mine;
  }
  return {
    publish: (up) => {
      writeFileSync(draftOf(path), `${JSON.stringify({ ...mine, ...up }, undefined, 2)}\n`);
      renameSync(draftOf(path), path);
    },
    release: () => {
      if (parse(path)?.pid === process.pid) rmSync(path, { force: true });
    },
  };
}

/** A link appears with its content in one step and never replaces, so only one of two starts wins. */
function tryCreate(path: string, note: StackFile): boolean {
  const draft = draftOf(path);
  writeFileSync(draft, JSON.stringify(note));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

const draftOf = (path: string): string => `${path}.${process.pid}`;

function parse(path: string): StackFile | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as StackFile;
    return Number.isInteger(value.pid) && value.pid > 0 ? value : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
