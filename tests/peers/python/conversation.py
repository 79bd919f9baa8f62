"""The part of the Python program in the conversation: it opens the service `clock`, answers who asks it, and uses the chat.

Usage: conversation.py URL. Prints a line at each point that others wait for; ends with 0 when everything it received was
what the protocol promises, to the byte.
"""

import json
import sys

from peer import Mismatch, Peer, client_info, compact, message, service_info

# Numbers no parser keeps, keys in an order of their own, one twice, escapes: data arrives as it was sent.
ODD = '{"z":1e400,"a":[1.0,-0],"z":{"b":null,"b":true},"s":"\\u00e9\\/\\ud83d\\ude00é😀"}'
NOBODY = "00000000-0000-4000-8000-000000000000"


def say(line):
    """Tells whoever waits for it."""
    print(line, flush=True)


def fetch_clients(peer):
    """Who is here, by name; the text must be what a gateway writes."""
    number = peer.send({"type": "CLIENT_FETCH_ALL"})
    text = peer.receive()
    clients = json.loads(text)["clients"]
    listed = ",".join(client_info(client) for client in clients)
    peer.same(text, f'{{"seq":{number},"type":"CLIENT_FETCH_ALL_RESULT","clients":[{listed}]}}', "the list of clients")
    return {client["name"]: client for client in clients}


def open_clock(peer):
    """Creates the service: everybody is told, then it is answered."""
    clock = {"name": "clock", "nickname": 'Часы "1"', "owner_uuid": peer.info["uuid"], "subscribers": []}
    created = f'"type":"SERVICE_CREATE_RESULT","successful":true,"service":{service_info(clock)}'
    number = peer.send({"type": "SERVICE_CREATE", "service": "clock", "nickname": clock["nickname"]})
    peer.expect(f"{{{created}}}")
    peer.expect_answer(number, created)
    number = peer.send({"type": "SERVICE_FETCH", "service": "clock"})
    peer.expect_answer(number, f'"type":"SERVICE_FETCH_RESULT","service":{service_info(clock)}')
    return clock


def ok(peer, number):
    """The request was carried out."""
    peer.expect_answer(number, '"type":"OK"')


def subscribed(client, service):
    """What the subscribers of a service hear of a new one."""
    described = service_info(service)
    return f'{{"type":"SERVICE_CLIENT_SUBSCRIBED","client":{client_info(client)},"service":{described}}}'


def be_refused(peer):
    """What cannot be done is answered by what is wrong."""
    refusals = [
        ({"type": "NAME", "name": "nobody"}, '"type":"INVALID_NAME","name":"nobody"'),
        ({"type": "UUID", "uuid": NOBODY}, f'"type":"INVALID_UUID","uuid":"{NOBODY}"'),
        ({"type": "SERVICE", "service": "none"}, '"type":"INVALID_SERVICE","service":"none"'),
        ({"type": "SERVICE_CLIENT_UUID", "service": "chat", "uuid": NOBODY}, '"type":"BAD"'),
    ]
    for target, answer in refusals:
        peer.expect_answer(peer.send_message(target, "1"), answer)
    peer.expect_answer(peer.send({"type": "SERVICE_DELETE", "service": "chat"}), '"type":"BAD"')
    peer.expect_answer(peer.send({"type": "NO_SUCH_TYPE"}), '"type":"ERROR_UNSUPPORTED"')


def converse(url):
    """Everything, in order."""
    peer = Peer(url, "python", nickname="Пайтон", tags=["peer", "py"])
    clients = fetch_clients(peer)
    keyboard = clients["keyboard"]
    peer.same(client_info(clients["python"]), client_info(peer.info), "what others see of us")
    number = peer.send({"type": "SERVICE_FETCH", "service": "chat"})
    text = peer.receive()
    chat = json.loads(text)["service"]
    peer.same(text, f'{{"seq":{number},"type":"SERVICE_FETCH_RESULT","service":{service_info(chat)}}}', "the chat")
    host = next(client for client in clients.values() if client["uuid"] == chat["owner_uuid"])

    clock = open_clock(peer)
    say("opened clock")

    # JavaScript joins and subscribes; of that only its joining reaches an owner.
    joined = json.loads(peer.receive())
    javascript = {"name": "javascript", "nickname": None, "uuid": joined["client"]["uuid"], "tags": []}
    peer.same(compact(joined), f'{{"type":"CLIENT_JOINED","client":{client_info(javascript)}}}', "the joining of JavaScript")
    clock["subscribers"].append(javascript["uuid"])

    # It asks the service; the answer goes to it alone, then the news to every subscriber, then a word to its uuid.
    peer.expect(message(javascript, {"type": "SERVICE", "service": "clock"}, ODD, clock))
    to_asker = {"type": "SERVICE_CLIENT_UUID", "service": "clock", "uuid": javascript["uuid"]}
    ok(peer, peer.send_message(to_asker, f'{{"answer":{ODD}}}'))
    ok(peer, peer.send_message({"type": "SERVICE", "service": "clock"}, '"tick"'))
    ok(peer, peer.send_message({"type": "UUID", "uuid": javascript["uuid"]}, "null"))
    peer.expect(message(javascript, {"type": "NAME", "name": "python"}, '"thank you"'))

    # To everyone, ourselves included.
    number = peer.send_message({"type": "ALL"}, '{"text":"hello from Python"}')
    peer.expect(message(peer.info, {"type": "ALL"}, '{"text":"hello from Python"}'))
    ok(peer, number)
    peer.expect(message(javascript, {"type": "ALL"}, '{"text":"hello from JavaScript"}'))

    # In the chat, which JavaScript has entered before: what one says its Rust service tells everybody in it.
    peer.expect(message(javascript, {"type": "NAME", "name": "python"}, '"see you in the chat"'))
    be_refused(peer)
    chat["subscribers"] = [javascript["uuid"], peer.info["uuid"]]
    number = peer.send({"type": "SELF_SUBSCRIBE", "service": "chat"})
    result = f'"type":"SELF_SUBSCRIBE_RESULT","successful":true,"service":{service_info(chat)}'
    peer.expect_answer(number, result)
    peer.expect(subscribed(peer.info, chat))
    in_chat = {"type": "SERVICE", "service": "chat"}
    ok(peer, peer.send_message(in_chat, '{"text":"hello, chat 😀"}'))
    peer.expect(message(host, in_chat, '{"from":"python","text":"hello, chat 😀"}', chat))

    # The person at the keyboard is greeted, enters the chat, and speaks there, to us by name, and to everyone.
    ok(peer, peer.send_message({"type": "NAME", "name": "keyboard"}, '{"text":"your turn"}'))
    chat["subscribers"].append(keyboard["uuid"])
    peer.expect(subscribed(keyboard, chat))
    peer.expect(message(host, in_chat, '{"from":"keyboard","text":"hello from the keyboard"}', chat))
    peer.expect(message(keyboard, {"type": "NAME", "name": "python"}, '{"typed":"by hand","n":1.50}'))
    peer.expect(message(keyboard, {"type": "ALL"}, '{"text":"hello from a person"}'))
    say("heard the keyboard")

    # The end: the service first, then we.
    number = peer.send({"type": "SERVICE_DELETE", "service": "clock"})
    deleted = f'"type":"SERVICE_DELETE_RESULT","service":{service_info(clock)}'
    peer.expect(f"{{{deleted}}}")
    peer.expect_answer(number, deleted)
    peer.leave()
    say("left")


if __name__ == "__main__":
    try:
        converse(sys.argv[1])
    except Mismatch as mismatch:
        sys.exit(f"python: {mismatch}")
