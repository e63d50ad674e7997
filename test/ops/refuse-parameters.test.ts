import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import RefuseParameters from "../../ops/serverless/refuse-parameters.ts";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const { params } = parse(readFileSync(join(import.meta.dirname, "../../serverless.yml"), "utf8"), {
  logLevel: "silent",
}) as { params: { default: Readonly<Record<string, unknown>> } };

/** As the framework makes its plugins. */
function run(command: string, ...param: readonly string[]): RefuseParameters {
  const defaults = { ...params.default, kafkaConsumerGroup: "k2-trades-dev" };
  return new RefuseParameters(
    {
      processedInput: { commands: command.split(" ") },
      configurationInput: { params: { default: defaults } },
      classes: { Error },
    },
    { param },
  );
}

describe("parameters that are wrong", () => {
  it.each(["package", "deploy"])("are refused by serverless %s", (command) => {
    expect(() => run(command, "vpc=tru")).toThrow("vpc: expected true or false");
    expect(() => run(command, "logLevel=debug")).not.toThrow();
  });

  it.each(["remove", "info"])("are nothing to serverless %s", (command) => {
    expect(() => run(command, "vpc=tru")).not.toThrow();
  });
});

it("serverless deploy function is refused: it would deploy a reference in place of its secret", () => {
  expect(() => run("deploy function")).toThrow("deploy function: expected `serverless deploy`");
});

describe("certificates", () => {
  it("in several lines are refused, since the framework keeps the first, and say how they pass", () => {
    expect(() => run("deploy", "kafkaTls=true", `kafkaTlsCa=${CERTIFICATE}`)).toThrow(
      "kafkaTlsCa: expected whole certificates in PEM; in a single line, with `\\n`",
    );
  });

  it("in a single line pass", () => {
    const inOneLine = CERTIFICATE.replaceAll("\n", "\\n");
    expect(() => run("deploy", "kafkaTls=true", `kafkaTlsCa=${inOneLine}`)).not.toThrow();
  });
});
