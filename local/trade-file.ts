/**
 * A file of trades as it was downloaded: `.csv`, or a `.zip` with one CSV inside. Read as a stream
 * from any byte on, so that a stopped load goes on where it was.
 */

import { createReadStream, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { crc32 } from "node:zlib";
import yauzl, { type Entry, type ZipFile } from "yauzl";

export interface TradeFile {
  /** As it was given, for messages. */
  readonly path: string;
  /** The CSV's own name: `BTCUSDT-trades-2021-01-08.csv`. */
  readonly csvName: string;
  /** Bytes of the CSV, after unpacking. */
  readonly csvBytes: number;
  /** The same only for the same place, size and time of change: a replaced file is another one. */
  readonly identity: string;
  /**
   * The CSV's bytes from an offset on. A zip is unpacked from its beginning and checked at its end.
   * @throws {Error} while reading, when a zip is damaged.
   */
  read(fromByte: number): AsyncIterable<Buffer>;
}

/**
 * Looks at a file without reading its trades.
 * @throws {Error} with a sentence for people: no such file, not a zip, no CSV or several in it.
 */
export async function openTradeFile(path: string): Promise<TradeFile> {
  const stats = await statFile(path);
  const identity = [resolve(path), stats.size, stats.mtimeMs].join("|");
  if (!path.toLowerCase().endsWith(".zip"))
    return {
      path,
      csvName: basename(path),
      csvBytes: stats.size,
      identity,
      read: (fromByte) => createReadStream(path, { start: fromByte, highWaterMark: 256 * 1024 }),
    };
  const entry = await findCsv(path);
  return {
    path,
    csvName: basename(entry.fileName),
    csvBytes: entry.uncompressedSize,
    identity,
    read: (fromByte) => readEntry(path, entry, fromByte),
  };
}

async function statFile(path: string): Promise<Stats> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: ${error.code === "ENOENT" ? "no such file" : error.message}`);
  });
  if (!stats.isFile()) throw new Error(`${path}: not a file`);
  return stats;
}

async function findCsv(path: string): Promise<Entry> {
  const zip = await openZip(path);
  try {
    const found: Entry[] = [];
    for await (const entry of zip.eachEntry())
      if (entry.fileName.toLowerCase().endsWith(".csv")) found.push(entry);
    const [entry, ...others] = found;
    if (entry === undefined || others.length > 0)
      throw new Error(`${path}: expected one .csv inside, found ${found.length}`);
    return entry;
  } finally {
    zip.close();
  }
}

/** The CRC covers every byte, so bytes before `fromByte` are unpacked and checked but not handed on. */
async function* readEntry(path: string, entry: Entry, fromByte: number): AsyncGenerator<Buffer> {
  const zip = await openZip(path);
  try {
    let sum = 0;
    let at = 0;
    for await (const bytes of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
      sum = crc32(bytes, sum);
      const skipped = Math.min(bytes.length, Math.max(0, fromByte - at));
      at += bytes.length;
      if (skipped < bytes.length) yield bytes.subarray(skipped);
    }
    if (sum !== entry.crc32) throw new Error("the checksum of the CSV inside does not match");
  } catch (error) {
    throw new Error(`${path}: damaged: ${(error as Error).message}`, { cause: error });
  } finally {
    zip.close();
  }
}

async function openZip(path: string): Promise<ZipFile> {
  try {
    return await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
  } catch (error) {
    throw new Error(`${path}: not a zip file: ${(error as Error).message}`, { cause: error });
  }
}
