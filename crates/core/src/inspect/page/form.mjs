// Forms that are generated from a schema.
import { element } from "./json.mjs";

const schemaType = ({ type }) => (Array.isArray(type) ? type.find((each) => each !== "null") : type);

/** The arguments for which the form of this schema has fields. */
export const fieldsOf = (schema) => {
  const required = new Set(Array.isArray(schema?.required) ? schema.required : []);
  return Object.entries(schema?.properties ?? {}).map(([name, given]) => {
    const one = typeof given === "object" && given !== null ? given : {};
    return {
      choices: Array.isArray(one.enum) ? one.enum : undefined,
      description: typeof one.description === "string" ? one.description : undefined,
      fallback: one.default,
      name,
      required: required.has(name),
      type: schemaType(one),
    };
  });
};

const numberOf = (name, text) => {
  const number = Number(text);
  if (text.trim() === "" || Number.isNaN(number)) throw new Error(`${name} is not a number: ${text}`);
  return number;
};

const jsonOf = (name, text) => {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${name} is not JSON: ${text}`);
  }
};

/** The value of a field, converted to the schema's type; throws if that is impossible. */
export const valueOf = ({ choices, name, type }, text) => {
  if (choices) return choices.find((choice) => String(choice) === text) ?? text;
  if (type === "string" || type === undefined) return text;
  if (type === "boolean") return text === "true";
  if (type === "number" || type === "integer") return numberOf(name, text);
  return jsonOf(name, text);
};

const inputOf = ({ choices, required, type }) => {
  if (choices || type === "boolean") {
    const words = choices?.map(String) ?? ["true", "false"];
    const all = required ? words : ["", ...words];
    return element("select", "", ...all.map((text) => element("option", "", text)));
  }
  return element(type === "object" || type === "array" ? "textarea" : "input", "");
};

/** A field with its label. */
export const fieldElement = (one) => {
  const input = inputOf(one);
  const { description, fallback, name, required, type } = one;
  if (fallback !== undefined) input.value = typeof fallback === "object" ? JSON.stringify(fallback) : String(fallback);
  input.dataset.name = name;
  const title = `${name}${type ? ` (${type})` : ""}${required ? " *" : ""}`;
  return element("label", "", title, input, description ? element("small", "", description) : "");
};

/** The values of all fields of this schema. */
export const valuesOf = (form, schema) => {
  const values = {};
  const inputs = [...form.querySelectorAll("[data-name]")];
  for (const one of fieldsOf(schema)) {
    const input = inputs.find((each) => each.dataset.name === one.name);
    if (input && (input.value !== "" || one.required)) values[one.name] = valueOf(one, input.value);
  }
  return values;
};
