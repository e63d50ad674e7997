/**
 * A DynamoDB for one machine: dynalite in this process, with the table as serverless.yml defines it.
 */

export interface LocalDynamoDBOptions {
  /** Folder the data is kept in; only one process may open it at a time. Default: in memory. */
  readonly path?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Stage in the table's name. Default `dev`. */
  readonly stage?: string;
}

export interface LocalDynamoDB {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** The table's name, as the template says for the stage. */
  readonly table: string;
  close(): Promise<void>;
}

/** Starts it and creates the table unless it is there from an earlier run. */
export function startDynamoDB(options: LocalDynamoDBOptions = {}): Promise<LocalDynamoDB> {
  throw new Error(`not built yet: ${options.path}`);
}
