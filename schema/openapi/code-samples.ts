import { type Endpoint, refusesBody } from "../api/endpoint.ts";

/** A program that calls an operation, as the OpenAPI extension `x-codeSamples` has it. */
export interface CodeSample {
  readonly lang: "Shell" | "TypeScript" | "Python";
  readonly label: "curl" | "TypeScript" | "Python";
  readonly source: string;
}

/** What a sample sends. */
export interface SampleCall {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** The public base URL, without a trailing slash. */
  readonly serverUrl: string;
  readonly body?: object | undefined;
  readonly query?: Readonly<Record<string, string>> | undefined;
}

/** Environment variables that stand for path parameters. */
const OF_SUBJECT: Readonly<Record<string, string>> = {
  jobs: "JOB",
  batch: "BATCH",
  deliveries: "DELIVERY",
  accounts: "ACCOUNT",
  keys: "KEY_ID",
  denied: "DENIAL",
  erasures: "ERASURE",
  subscriptions: "SUBSCRIPTION",
  files: "FILE",
  cookies: "SITE",
  exits: "EXIT",
};

/**
 * The environment variable that holds a path parameter in the samples.
 *
 * @example sampleVariable("/jobs/{id}/retry", "id") // "JOB"
 */
export function sampleVariable(path: string, parameter: string): string {
  const segments = path.split("/");
  return OF_SUBJECT[segments[segments.indexOf(`{${parameter}}`) - 1] ?? ""] ?? "ID";
}

/**
 * The call in curl, TypeScript and Python. The samples run as they stand: keys are read from `WATERSPOUT_API_KEY` or
 * `WATERSPOUT_ADMIN_TOKEN`, ids from variables such as `JOB`. TypeScript uses `@waterspout/client`, Python its standard
 * library.
 */
export function codeSamples(call: SampleCall): CodeSample[] {
  return [
    { lang: "Shell", label: "curl", source: curl(call) },
    { lang: "TypeScript", label: "TypeScript", source: typeScript(call) },
    { lang: "Python", label: "Python", source: python(call) },
  ];
}

const isStream = ({ responses }: Endpoint): boolean =>
  Object.values(responses).some(({ contentType }) => contentType === "text/event-stream");

const isJson = ({ responses }: Endpoint): boolean =>
  Object.values(responses).some(({ schema, contentType = "application/json" }) =>
    Boolean(schema && contentType === "application/json"),
  );

const queryText = (query: SampleCall["query"]): string =>
  query ? `?${new URLSearchParams(query).toString()}` : "";

function curl({ endpoint, serverUrl, body, query }: SampleCall): string {
  const { method, path, auth } = endpoint;
  const target = serverUrl + path.replaceAll(/\{(\w+)\}/g, (_, name) => `$${sampleVariable(path, name)}`);
  const headers = [
    ...(auth === "key" ? ['"x-api-key: $WATERSPOUT_API_KEY"'] : []),
    ...(auth === "admin" ? ['"authorization: Bearer $WATERSPOUT_ADMIN_TOKEN"'] : []),
    ...(body ? ['"content-type: application/json"'] : []),
  ];
  const verb = method === "GET" || (method === "POST" && body) ? "" : ` -X ${method}`;
  const lines = [
    `curl -sS${isStream(endpoint) ? "N" : ""}${verb} "${target}${queryText(query)}"`,
    ...headers.map((header) => `-H ${header}`),
    ...(body ? [`-d '${JSON.stringify(body, null, 2).replaceAll("'", "'\\''")}'`] : []),
  ];
  return lines.join(" \\\n  ");
}

function typeScript({ name, endpoint, serverUrl, body, query }: SampleCall): string {
  const { path, auth } = endpoint;
  if (auth !== "public" && !isJson(endpoint) && !isStream(endpoint)) return plainFetch(endpoint, serverUrl);
  if (auth === "public" && !isJson(endpoint)) return plainFetch(endpoint, serverUrl);
  const credential =
    auth === "admin"
      ? ", adminToken: process.env.WATERSPOUT_ADMIN_TOKEN"
      : auth === "key"
        ? ", apiKey: process.env.WATERSPOUT_API_KEY"
        : "";
  const head = [
    'import { createClient } from "@waterspout/client";',
    "",
    `const api = createClient({ url: "${serverUrl}"${credential} });`,
  ];
  const params = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter = ""]) => [
    parameter,
    `process.env.${sampleVariable(path, parameter)} ?? ""`,
  ]);
  if (isStream(endpoint)) {
    const watch = name === "jobEvents" ? "watchJob" : "watchBatch";
    return [...head, `for await (const event of api.${watch}(${params[0]?.[1]})) console.log(event);`].join(
      "\n",
    );
  }
  const input = [
    ...(params.length > 0
      ? [`params: { ${params.map(([key, value]) => `${key}: ${value}`).join(", ")} }`]
      : []),
    ...(query ? [`query: ${literal(query)}`] : []),
    ...(body ? [`body: ${literal(body)}`] : []),
  ];
  const argument = input.length > 0 ? `{\n${input.map((line) => `  ${indent(line)},`).join("\n")}\n}` : "";
  return [...head, `console.log(await api.${name}(${argument}));`].join("\n");
}

function plainFetch({ path, auth }: Endpoint, serverUrl: string): string {
  const options =
    auth === "admin"
      ? ', {\n  headers: { authorization: "Bearer " + process.env.WATERSPOUT_ADMIN_TOKEN },\n}'
      : "";
  return `const response = await fetch("${serverUrl}${path}"${options});\nconsole.log(await response.text());`;
}

/** A value as source text of TypeScript. @example literal({ a: "b" }) // '{\n  a: "b",\n}' */
const literal = (value: object): string =>
  JSON.stringify(value, null, 2)
    // regexp-ok: reads our own examples
    .replaceAll(/^(\s*)"(\w+)":/gm, "$1$2:")
    .replaceAll(/([^[{,\n])\n/g, "$1,\n");

const indent = (text: string): string => text.replaceAll("\n", "\n  ");

function python({ endpoint, serverUrl, body, query }: SampleCall): string {
  const { method, path, auth } = endpoint;
  const params = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const target =
    serverUrl +
    path.replaceAll(/\{(\w+)\}/g, (_, name) => `{os.environ['${sampleVariable(path, name)}']}`) +
    queryText(query);
  const headers = [
    ...(auth === "key" ? [`"x-api-key": os.environ["WATERSPOUT_API_KEY"]`] : []),
    ...(auth === "admin" ? [`"authorization": "Bearer " + os.environ["WATERSPOUT_ADMIN_TOKEN"]`] : []),
    ...(body || refusesBody(endpoint) ? [`"content-type": "application/json"`] : []),
  ];
  const imports = [
    ...(body || isJson(endpoint) ? ["json"] : []),
    ...(params.length > 0 || auth !== "public" ? ["os"] : []),
    "urllib.request",
  ];
  const show = isStream(endpoint)
    ? ["    for line in response:", '        print(line.decode(), end="")']
    : [isJson(endpoint) ? "    print(json.load(response))" : "    print(response.read().decode())"];
  return [
    `import ${imports.join(", ")}`,
    "",
    "request = urllib.request.Request(",
    `    ${params.length > 0 ? "f" : ""}"${target}",`,
    `    method="${method}",`,
    ...(headers.length > 0 ? [`    headers={${headers.join(", ")}},`] : []),
    ...(body ? [`    data=json.dumps(${pythonLiteral(body)}).encode(),`] : []),
    ")",
    "with urllib.request.urlopen(request) as response:",
    ...show,
  ].join("\n");
}

/** A value as source text of Python. */
const pythonLiteral = (value: object): string =>
  JSON.stringify(value, null, 4)
    .replaceAll(/: true(,?)$/gm, ": True$1")
    .replaceAll(/: false(,?)$/gm, ": False$1")
    .replaceAll(/: null(,?)$/gm, ": None$1")
    .replaceAll("\n", "\n    ");
