// The part of the JavaScript program in the conversation: it subscribes to the service `clock`, asks it, and uses the chat.
//
// Usage: node conversation.js URL. Prints a line at each point that others wait for; ends with 0 when everything it received
// was what the protocol promises, to the byte.

import { Mismatch, Peer, clientInfo, message, same, serviceInfo } from "./peer.js";

// Numbers no parser keeps, keys in an order of their own, one twice, escapes: data arrives as it was sent.
const ODD = String.raw`{"z":1e400,"a":[1.0,-0],"z":{"b":null,"b":true},"s":"\u00e9\/\ud83d\ude00é😀"}`;

const say = (line) => console.log(line);
const byName = (things) => Object.fromEntries(things.map((thing) => [thing.name, thing]));

async function fetchClients(peer) {
  const number = peer.send({ type: "CLIENT_FETCH_ALL" });
  const text = await peer.receive();
  const { clients } = JSON.parse(text);
  const listed = clients.map(clientInfo).join(",");
  same(text, `{"seq":${number},"type":"CLIENT_FETCH_ALL_RESULT","clients":[${listed}]}`, "the list of clients");
  return byName(clients);
}

async function fetchServices(peer) {
  const number = peer.send({ type: "SERVICE_FETCH_ALL" });
  const text = await peer.receive();
  const { services } = JSON.parse(text);
  const listed = services.map(serviceInfo).join(",");
  same(text, `{"seq":${number},"type":"SERVICE_FETCH_ALL_RESULT","services":[${listed}]}`, "the list of services");
  return byName(services);
}

/** What the subscribers of a service hear of a new one, who is in its list by then. */
function subscribed(client, service) {
  service.subscribers.push(client.uuid);
  return `{"type":"SERVICE_CLIENT_SUBSCRIBED","client":${clientInfo(client)},"service":${serviceInfo(service)}}`;
}

/** Subscribes: the answer has us, and after it all subscribers, we among them, are told. */
async function subscribe(peer, service) {
  const number = peer.send({ type: "SELF_SUBSCRIBE", service: service.name });
  const event = subscribed(peer.info, service);
  await peer.expectAnswer(number, `"type":"SELF_SUBSCRIBE_RESULT","successful":true,"service":${serviceInfo(service)}`);
  await peer.expect(event);
}

const ok = (peer, number) => peer.expectAnswer(number, `"type":"OK"`);

async function converse(url) {
  const peer = await Peer.join(url, "javascript");
  const { python, keyboard, javascript, ...others } = await fetchClients(peer);
  same(clientInfo(javascript), clientInfo(peer.info), "what others see of us");
  const { clock, chat } = await fetchServices(peer);
  same(clock.owner_uuid, python.uuid, "the owner of the clock");
  const host = Object.values(others).find(({ uuid }) => uuid === chat.owner_uuid);
  same(host !== undefined, true, "that the owner of the chat is here");
  await subscribe(peer, clock);

  // The owner is asked; its answer comes to us alone, then its news as to every subscriber, then a word to our uuid.
  await ok(peer, peer.sendMessage({ type: "SERVICE", service: "clock" }, ODD));
  const toUs = { type: "SERVICE_CLIENT_UUID", service: "clock", uuid: peer.info.uuid };
  await peer.expect(message(python, toUs, `{"answer":${ODD}}`, clock));
  await peer.expect(message(python, { type: "SERVICE", service: "clock" }, `"tick"`, clock));
  await peer.expect(message(python, { type: "UUID", uuid: peer.info.uuid }, "null"));
  await ok(peer, peer.sendMessage({ type: "NAME", name: "python" }, `"thank you"`));

  // To everyone, ourselves included.
  await peer.expect(message(python, { type: "ALL" }, `{"text":"hello from Python"}`));
  const number = peer.sendMessage({ type: "ALL" }, `{"text":"hello from JavaScript"}`);
  await peer.expect(message(peer.info, { type: "ALL" }, `{"text":"hello from JavaScript"}`));
  await ok(peer, number);

  // In the chat: what one says its Rust service tells everybody in it.
  await subscribe(peer, chat);
  await ok(peer, peer.sendMessage({ type: "NAME", name: "python" }, `"see you in the chat"`));
  await peer.expect(subscribed(python, chat));
  const inChat = { type: "SERVICE", service: "chat" };
  await peer.expect(message(host, inChat, `{"from":"python","text":"hello, chat 😀"}`, chat));

  // The person at the keyboard enters it, speaks there, and to everyone.
  await peer.expect(subscribed(keyboard, chat));
  await peer.expect(message(host, inChat, `{"from":"keyboard","text":"hello from the keyboard"}`, chat));
  await peer.expect(message(keyboard, { type: "ALL" }, `{"text":"hello from a person"}`));

  // The clock goes, and its owner leaves: first it is out of the chat, then it is gone.
  await peer.expect(`{"type":"SERVICE_DELETE_RESULT","service":${serviceInfo(clock)}}`);
  chat.subscribers = chat.subscribers.filter((uuid) => uuid !== python.uuid);
  const left = `"client":${clientInfo(python)}`;
  await peer.expect(`{"type":"SERVICE_CLIENT_UNSUBSCRIBED",${left},"service":${serviceInfo(chat)}}`);
  await peer.expect(`{"type":"CLIENT_LEFT",${left}}`);

  // What is left of us: one subscription, until we end it.
  const fetched = peer.send({ type: "SELF_FETCH" });
  const self = `"client":${clientInfo(peer.info)}`;
  await peer.expectAnswer(fetched, `"type":"SELF_FETCH_RESULT",${self},"subscriptions":[${serviceInfo(chat)}]`);
  const ended = peer.send({ type: "SELF_UNSUBSCRIBE", service: "chat" });
  chat.subscribers = chat.subscribers.filter((uuid) => uuid !== peer.info.uuid);
  const result = `"successful":true,"service":${serviceInfo(chat)}`;
  await peer.expectAnswer(ended, `"type":"SELF_UNSUBSCRIBE_RESULT",${result}`);
  await peer.leave();
  say("left");
}

try {
  await converse(process.argv[2]);
} catch (error) {
  if (!(error instanceof Mismatch)) throw error;
  console.error(`javascript: ${error.message}`);
  process.exitCode = 1;
}
