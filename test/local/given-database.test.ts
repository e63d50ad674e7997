import { DeleteTableCommand, waitUntilTableNotExists } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { credentialsFor } from "../../local/database.ts";
import { useGivenDatabase } from "../../local/given-database.ts";
import { freePort } from "../../local/ports.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";

const options = { region: "us-east-1", variables: {} };

describe("a database that is given", () => {
  let database: TestDynamoDB;
  beforeAll(async () => {
    database = await startTestDynamoDB();
  });
  afterAll(async () => database.close());

  it("is used as it is, and gets the table when that is missing", async () => {
    const { endpoint, table, client } = database;
    expect(await useGivenDatabase(endpoint, options)).toEqual({ endpoint, table, isNew: false });
    await client.send(new DeleteTableCommand({ TableName: table }));
    await waitUntilTableNotExists({ client, maxWaitTime: 20, minDelay: 1 }, { TableName: table });
    expect(await useGivenDatabase(endpoint, options)).toEqual({ endpoint, table, isNew: true });
    expect(await useGivenDatabase(endpoint, options)).toEqual({ endpoint, table, isNew: false });
  });

  it("that does not answer is named", async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    await expect(useGivenDatabase(endpoint, options)).rejects.toThrow(
      `DYNAMODB_ENDPOINT ${endpoint}: connect ECONNREFUSED`,
    );
  });
});

describe("credentials", () => {
  it.each([
    ["made up where the caller has none", {}, true],
    ["made up where the caller's are empty", { AWS_PROFILE: "" }, true],
    ["the caller's own key", { AWS_ACCESS_KEY_ID: "x" }, false],
    ["the caller's own profile", { AWS_PROFILE: "work" }, false],
  ])("are %s", (_fact, variables, isMadeUp) => {
    expect(credentialsFor(variables).credentials !== undefined).toBe(isMadeUp);
  });
});
