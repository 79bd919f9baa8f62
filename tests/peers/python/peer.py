"""A client of an ert-concierge gateway, written from the protocol's description alone.

It keeps one queue of what it received. Every payload must be expected, in the order it comes: what is not is an error.
"""

import json

from websockets.sync.client import connect

PATIENCE = 30  # seconds until a test that waits in vain gives up


class Mismatch(Exception):
    """The gateway said something else than the protocol promises."""


def compact(value):
    """JSON as the gateway writes it: no white space, raw UTF-8, keys in the order given."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def client_info(client):
    """The text of a client object: its keys, in their order."""
    return compact({key: client[key] for key in ("name", "nickname", "uuid", "tags")})


def service_info(service):
    """The text of a service object: its keys, in their order."""
    return compact({key: service[key] for key in ("name", "nickname", "owner_uuid", "subscribers")})


def message(sender, target, data, service=None):
    """The text of a MESSAGE as its receiver gets it. `data` is JSON text, which must arrive as it was sent."""
    origin = client_info(sender)[:-1]
    origin += ',"service":' + (service_info(service) if service else "null") + "}"
    return f'{{"type":"MESSAGE","origin":{origin},"target":{compact(target)},"data":{data}}}'


class Peer:
    """A connection to a gateway, identified."""

    def __init__(self, url, name, nickname=None, tags=()):
        self.socket = connect(url, subprotocols=["ert-concierge"], open_timeout=PATIENCE)
        self.same(self.socket.subprotocol, "ert-concierge", "the subprotocol")
        identify = {"type": "IDENTIFY", "name": name, "version": "0.2.0", "tags": list(tags)}
        if nickname is not None:
            identify["nickname"] = nickname
        self.socket.send(compact(identify))
        hello = json.loads(self.receive())
        uuid = hello.get("uuid")
        self.same(compact(hello), compact({"type": "HELLO", "uuid": uuid, "version": "0.2.0"}), "HELLO")
        self.info = {"name": name, "nickname": nickname, "uuid": uuid, "tags": list(tags)}
        self.sent = 0

    def send(self, payload):
        """Sends a payload, a value or its text, and returns the sequence number its answer must carry."""
        self.socket.send(payload if isinstance(payload, str) else compact(payload))
        number = self.sent
        self.sent += 1
        return number

    def send_message(self, target, data):
        """Sends a MESSAGE whose data is given as text."""
        return self.send(f'{{"type":"MESSAGE","target":{compact(target)},"data":{data}}}')

    def receive(self):
        """The next payload, as text."""
        try:
            text = self.socket.recv(timeout=PATIENCE)
        except TimeoutError:
            raise Mismatch(f"nothing came within {PATIENCE} s") from None
        if not isinstance(text, str):
            raise Mismatch(f"a binary frame came: {text!r}")
        return text

    def expect(self, expected):
        """The next payload must be exactly this text."""
        self.same(self.receive(), expected, "the next payload")

    def expect_answer(self, number, rest):
        """The next payload must be the answer to that request: `seq` first, then exactly this."""
        self.expect(f'{{"seq":{number},{rest}}}')

    def leave(self):
        """Closes, and waits until the gateway has closed too."""
        self.socket.close()
        self.same(self.socket.close_code, 1000, "the code of the close")

    @staticmethod
    def same(actual, expected, what):
        """Stops the conversation unless both are equal."""
        if actual != expected:
            raise Mismatch(f"{what} is\n  {actual}\nbut should be\n  {expected}")
