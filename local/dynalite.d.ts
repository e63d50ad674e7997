/** The part of dynalite 4 used here; it ships no types of its own. */
declare module "dynalite" {
  import type { Server } from "node:http";

  interface DynaliteOptions {
    /** Folder of its LevelDB. Default: in memory. */
    readonly path?: string;
    /** How long a new table stays CREATING. Default 500. */
    readonly createTableMs?: number;
  }

  /** A server that also closes its database when it is closed. */
  export default function dynalite(options?: DynaliteOptions): Server;
}
