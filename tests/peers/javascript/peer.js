// A client of an ert-concierge gateway, written from the protocol's description alone.
//
// It keeps one queue of what it received. Every payload must be expected, in the order it comes: what is not is an error.

import WebSocket from "ws";

const PATIENCE = 30_000; // milliseconds until a test that waits in vain gives up

/** The gateway said something else than the protocol promises. */
export class Mismatch extends Error {}

/** Stops the conversation unless both are equal. */
export function same(actual, expected, what) {
  if (actual !== expected) throw new Mismatch(`${what} is\n  ${actual}\nbut should be\n  ${expected}`);
}

/** The text of a client object: its keys, in their order. */
export function clientInfo({ name, nickname, uuid, tags }) {
  return JSON.stringify({ name, nickname, uuid, tags });
}

/** The text of a service object: its keys, in their order. */
export function serviceInfo({ name, nickname, owner_uuid, subscribers }) {
  return JSON.stringify({ name, nickname, owner_uuid, subscribers });
}

/** The text of a MESSAGE as its receiver gets it. `data` is JSON text, which must arrive as it was sent. */
export function message(sender, target, data, service = null) {
  const origin = `${clientInfo(sender).slice(0, -1)},"service":${service ? serviceInfo(service) : "null"}}`;
  return `{"type":"MESSAGE","origin":${origin},"target":${JSON.stringify(target)},"data":${data}}`;
}

/** A connection to a gateway. */
export class Peer {
  #socket;
  #queue = [];
  #waiting = null;
  #closed;
  #sent = 0;
  info = null;

  /** Connects and identifies. Offers no subprotocol, which must be fine. */
  static async join(url, name) {
    const peer = new Peer(url);
    await new Promise((resolve, reject) => {
      peer.#socket.once("open", resolve);
      peer.#socket.once("error", reject);
    });
    same(peer.#socket.protocol, "", "the subprotocol");
    peer.#socket.send(JSON.stringify({ type: "IDENTIFY", name, version: "0.2.0", tags: [] }));
    const hello = await peer.receive();
    const { uuid } = JSON.parse(hello);
    same(hello, JSON.stringify({ type: "HELLO", uuid, version: "0.2.0" }), "HELLO");
    peer.info = { name, nickname: null, uuid, tags: [] };
    return peer;
  }

  constructor(url) {
    this.#socket = new WebSocket(url);
    this.#closed = new Promise((resolve) => this.#socket.once("close", resolve));
    this.#closed.then((code) => this.#deliver(new Mismatch(`the gateway closed with ${code}`)));
    this.#socket.on("message", (data, isBinary) => {
      this.#deliver(isBinary ? new Mismatch("a binary frame came") : data.toString());
    });
  }

  #deliver(item) {
    if (this.#waiting) this.#waiting(item);
    else this.#queue.push(item);
    this.#waiting = null;
  }

  /** Sends a payload, a value or its text, and returns the sequence number its answer must carry. */
  send(payload) {
    this.#socket.send(typeof payload === "string" ? payload : JSON.stringify(payload));
    return this.#sent++;
  }

  /** Sends a MESSAGE whose data is given as text. */
  sendMessage(target, data) {
    return this.send(`{"type":"MESSAGE","target":${JSON.stringify(target)},"data":${data}}`);
  }

  /** The next payload, as text. */
  async receive() {
    let timer;
    const timeout = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Mismatch(`nothing came within ${PATIENCE} ms`)), PATIENCE);
    });
    const next = this.#queue.length > 0 ? this.#queue.shift() : new Promise((resolve) => (this.#waiting = resolve));
    const item = await Promise.race([next, timeout]).finally(() => clearTimeout(timer));
    if (item instanceof Error) throw item;
    return item;
  }

  /** The next payload must be exactly this text. */
  async expect(expected) {
    same(await this.receive(), expected, "the next payload");
  }

  /** The next payload must be the answer to that request: `seq` first, then exactly this. */
  async expectAnswer(number, rest) {
    await this.expect(`{"seq":${number},${rest}}`);
  }

  /** Closes, and waits until the gateway has closed too. */
  async leave() {
    this.#socket.close(1000);
    same(await this.#closed, 1000, "the code of the close");
  }
}
