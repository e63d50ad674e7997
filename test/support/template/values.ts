/**
 * A resource's properties against the specification. A function of CloudFormation may stand for any
 * value; what it refers to is looked at elsewhere.
 */

import { loadAwsServiceSpecSync } from "@aws-cdk/aws-service-spec";
import type {
  PropertyType,
  Resource,
  ResourceProperties,
  SpecDatabase,
} from "@aws-cdk/service-spec-types";

export type Value =
  | string
  | number
  | boolean
  | null
  | readonly Value[]
  | { readonly [key: string]: Value };

let database: SpecDatabase | undefined;

/** Attributes that `Fn::GetAtt` may name; undefined when there is no such resource type. */
export function attributesOf(type: string): readonly string[] | undefined {
  const resource = resourceOf(type);
  return resource === undefined ? undefined : Object.keys(resource.attributes);
}

/** What is wrong with the properties of a resource of a type that exists. */
export function valueFaults(type: string, properties: Value, path: string): string[] {
  return objectFaults(resourceOf(type)?.properties ?? {}, properties, path);
}

function spec(): SpecDatabase {
  return (database ??= loadAwsServiceSpecSync());
}

function resourceOf(type: string): Resource | undefined {
  return spec().lookup("resource", "cloudFormationType", "equals", type)[0];
}

function objectFaults(known: ResourceProperties, value: Value, path: string): string[] {
  if (!isObject(value)) return [`${path}: expected an object`];
  const missing = Object.entries(known)
    .filter(([name, { required }]) => required === true && !Object.hasOwn(value, name))
    .map(([name]) => `${path}: expected the property ${name}`);
  const faults = Object.entries(value).flatMap(([name, inner]) => {
    const property = known[name];
    return property === undefined
      ? [`${path}/${name}: there is no such property`]
      : typeFaults([property.type, ...(property.previousTypes ?? [])], inner, `${path}/${name}`);
  });
  return [...missing, ...faults];
}

/** The faults of the type that fits best. */
function typeFaults(types: readonly PropertyType[], value: Value, path: string): string[] {
  const [first = [], ...others] = types.map((type) => faultsOf(type, value, path));
  return others.reduce((best, faults) => (faults.length < best.length ? faults : best), first);
}

function faultsOf(type: PropertyType, value: Value, path: string): string[] {
  if (isFunction(value)) return branches(value).flatMap((branch) => faultsOf(type, branch, path));
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the rest are scalars
  switch (type.type) {
    case "ref":
      return objectFaults(
        spec().get("typeDefinition", type.reference.$ref).properties,
        value,
        path,
      );
    case "array":
      return Array.isArray(value)
        ? value.flatMap((one: Value, i) => faultsOf(type.element, one, `${path}/${i}`))
        : [`${path}: expected a list`];
    case "map":
      return isObject(value)
        ? Object.entries(value).flatMap(([key, one]) =>
            faultsOf(type.element, one, `${path}/${key}`),
          )
        : [`${path}: expected an object`];
    case "union":
      return typeFaults(type.types, value, path);
    case "tag":
      return isObject(value) && Object.keys(value).toSorted().join() === "Key,Value"
        ? []
        : [`${path}: expected a tag`];
    case "json":
      return [];
    default:
      return scalarFaults(type, value, path);
  }
}

type ScalarType = Extract<
  PropertyType,
  { type: "string" | "integer" | "number" | "boolean" | "date-time" | "null" }
>;

/** CloudFormation takes numbers and booleans as strings too. */
function scalarFaults(type: ScalarType, value: Value, path: string): string[] {
  if (value === null || typeof value === "object") return [`${path}: expected a ${type.type}`];
  const text = String(value);
  if (type.type === "boolean" && !/^(?:true|false)$/i.test(text))
    return [`${path}: expected true or false`];
  if (type.type === "integer" && !/^-?\d+$/.test(text)) return [`${path}: expected a whole number`];
  if (type.type === "number" && Number.isNaN(Number(text))) return [`${path}: expected a number`];
  const allowed = "allowedValues" in type ? type.allowedValues?.map(String) : undefined;
  return allowed === undefined || allowed.includes(text) || text.startsWith("{{resolve:")
    ? []
    : [`${path}: expected one of ${allowed.join(", ")}, got ${text}`];
}

/** Of `Fn::If`, what it may come to; of other functions nothing is known before a deployment. */
function branches(value: Readonly<Record<string, Value>>): Value[] {
  const condition = value["Fn::If"];
  return Array.isArray(condition)
    ? condition.slice(1).filter((branch) => !isNoValue(branch as Value))
    : [];
}

function isNoValue(value: Value): boolean {
  return isObject(value) && value["Ref"] === "AWS::NoValue";
}

function isFunction(value: Value): value is Readonly<Record<string, Value>> {
  return (
    isObject(value) &&
    Object.keys(value).length === 1 &&
    /^(?:Ref|Fn::\w+)$/.test(Object.keys(value)[0] ?? "")
  );
}

function isObject(value: Value): value is Readonly<Record<string, Value>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
