// Reads {"values": [literal…], "documents": [text…]} from standard input, and writes the values of
// the literals and the documents as graphql-js prints them.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { parse, parseValue, print } = createRequire(process.argv[2] + "/")("graphql");
const { values, documents } = JSON.parse(readFileSync(0, "utf8"));
const out = { values: (values ?? []).map((v) => parseValue(v).value), documents: (documents ?? []).map((d) => print(parse(d))) };
process.stdout.write(JSON.stringify(out));
