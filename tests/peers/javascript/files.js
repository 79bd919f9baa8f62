// Files, as a program in JavaScript hands them around: by fetch and FormData, with the key that a client of the original has.
//
// Usage: node files.js URL. Ends with 0 when every answer was what is promised.

import { Peer, same } from "./peer.js";

const url = process.argv[2];
const peer = await Peer.join(url, "javascript");
const files = `${url.replace("ws://", "http://").replace(/\/ws$/, "")}/fs/javascript/`;

async function ask(method, path, status, { body, headers, ...more } = {}) {
  const all = { "x-fs-key": peer.info.uuid, ...headers };
  const answer = await fetch(files + path, { method, body, headers: all, ...more });
  same(answer.status, status, `the status of ${method} ${path}`);
  return answer;
}

const content = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251);
const text = async (answer) => Buffer.from(await answer.arrayBuffer()).toString("latin1");
const expected = Buffer.from(content).toString("latin1");

// A form as a page has it, with one file and with several.
const one = new FormData();
one.append("file", new Blob([content]), "any name.bin");
await ask("POST", "one", 201, { body: one });
same(await text(await ask("GET", "one", 200)), expected, "what was posted");
const several = new FormData();
several.append("a", new Blob(["12"]), "größe.txt");
several.append("b", new Blob(["3"]), "sub/file");
await ask("POST", "", 201, { body: several });
same(await text(await ask("GET", encodeURIComponent("größe.txt"), 200)), "12", "a file of a name that is no ASCII");
const unnamed = new FormData();
unnamed.append("field", "no file name");
same((await (await ask("POST", "", 428, { body: unnamed })).json()).error, "no_file_name", "why it is refused");

// Bodies that are the file, at once and as a stream of unknown length.
await ask("PUT", "raw", 201, { body: content });
const stream = new Blob([content]).stream();
await ask("PUT", "raw", 204, { body: stream, duplex: "half" });
same(await text(await ask("GET", "raw", 200)), expected, "what was streamed");
const part = await ask("GET", "raw", 206, { headers: { range: "bytes=10-19" } });
same(await text(part), expected.slice(10, 20), "a part");
same(part.headers.get("content-range"), "bytes 10-19/1000000", "which part it is");
const listed = await (await ask("GET", "", 200)).json();
const paths = listed.map(({ path }) => path);
same(JSON.stringify(paths), JSON.stringify(["größe.txt", "one", "raw", "sub/file"]), "the paths in the list");
await ask("DELETE", "raw", 200);
await ask("GET", "raw", 404);

await peer.leave();
console.log("done");
