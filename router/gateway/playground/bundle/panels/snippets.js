// Programs that send an operation.

const isEmpty = (value) => Object.keys(value).length === 0;

/** The JSON body of a request. */
function body({ query, variables, operationName }, space) {
  const value = { query };
  if (!isEmpty(variables)) value.variables = variables;
  if (operationName) value.operationName = operationName;
  return JSON.stringify(value, null, space);
}

const allHeaders = ({ headers }) => Object.entries({ 'Content-Type': 'application/json', ...headers }).map(([name, value]) => [name, String(value)]);

/** A text as one word of a POSIX shell. */
const word = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A text as a string of Go: raw if it has no backquote. */
const goString = (text) => (/[`\r]/.test(text) ? JSON.stringify(text) : `\`${text}\``);

const indent = (text, by) => text.replaceAll('\n', `\n${by}`);

export const snippets = {
  curl: {
    label: 'curl',
    write: (request) => [`curl ${word(request.url)}`, ...allHeaders(request).map(([name, value]) => `-H ${word(`${name}: ${value}`)}`), `--data-raw ${word(body(request))}`].join(' \\\n  '),
  },
  fetch: {
    label: 'fetch',
    write: (request) => `const response = await fetch(${JSON.stringify(request.url)}, {
  method: 'POST',
  headers: ${indent(JSON.stringify(Object.fromEntries(allHeaders(request)), null, 2), '  ')},
  body: JSON.stringify(${indent(body(request, 2), '  ')}),
});
const { data, errors } = await response.json();
console.log(data, errors);
`,
  },
  go: {
    label: 'Go',
    write: (request) => `package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
)

func main() {
	body, err := json.Marshal(map[string]any{
		"query": ${goString(request.query)},${isEmpty(request.variables) ? '' : `\n\t\t"variables": json.RawMessage(${goString(JSON.stringify(request.variables))}),`}${request.operationName ? `\n\t\t"operationName": ${JSON.stringify(request.operationName)},` : ''}
	})
	if err != nil {
		log.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, ${JSON.stringify(request.url)}, bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
${allHeaders(request)
  .map(([name, value]) => `\trequest.Header.Set(${JSON.stringify(name)}, ${JSON.stringify(value)})`)
  .join('\n')}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	var result struct {
		Data   json.RawMessage
		Errors json.RawMessage
	}
	if err := json.NewDecoder(response.Body).Decode(&result); err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(result.Data), string(result.Errors))
}
`,
  },
};
