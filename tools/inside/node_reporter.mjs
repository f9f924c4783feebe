// Runs inside the sandbox: a reporter for `node --test` (18.17 and up) that writes one JSON line per finished test,
// with the file it is from, which TAP does not tell. The names of what surrounds a test come from the starts before it.
const PRINTED = 20_000;

export default async function* report(source) {
  const names = [];
  const printed = new Map();
  for await (const { type, data = {} } of source) {
    if (type === "test:start") {
      names[data.nesting] = data.name;
    } else if (type === "test:stdout" || type === "test:stderr") {
      printed.set(data.file, ((printed.get(data.file) ?? "") + data.message).slice(-PRINTED));
    } else if (type === "test:pass" || type === "test:fail") {
      yield JSON.stringify(finished(type, data, names, printed)) + "\n";
    }
  }
}

function finished(type, data, names, printed) {
  const { error, duration_ms, type: kind } = data.details ?? {};
  const cause = error?.cause ?? error;
  const isFile = data.nesting === 0 && (data.name === data.file || data.file?.endsWith("/" + data.name));
  return {
    file: data.file ?? "",
    path: [...names.slice(0, data.nesting), data.name],
    passed: type === "test:pass",
    skipped: data.skip !== undefined || data.todo !== undefined,
    suite: kind === "suite",
    whole: Boolean(isFile),
    ms: duration_ms ?? 0,
    why: error?.failureType ?? "",
    name: cause?.name ?? "",
    message: String(cause?.message ?? cause ?? "").slice(0, 10_000),
    stack: String(cause?.stack ?? "").slice(0, 30_000),
    line: data.line ?? 0,
    printed: isFile ? (printed.get(data.file) ?? "") : "",
  };
}
