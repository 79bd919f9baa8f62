"""A client of Telegraphy, written from the examples of its first description alone: each of them is sent as it stands there, with
tokens that the gateway gave in the place of those in the example, and each answer has what the example has.

Usage: telegraphy.py URL TOKEN. Prints a line at each point that others wait for; ends with 0 when everything was as described.
"""

import json
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PATIENCE = 30  # seconds until a test that waits in vain gives up

# What a client sends, in the description.
CONNECT = '{"message": "CONNECT", "id": 0, "args": {"auth_token": "aabbccddeeff"}}'
RECONNECT = '{"message": "RECONNECT", "id": 100, "session_token": "rrssttuuvvww"}'
REQUEST = '{"message": "MESSAGE_TYPE", "id": 0, "args": {}}'

# What it is answered there. `data` could have no session token.
CONNECTED = {"success": True, "status": "CONNECTED", "id": 0}
RECONNECTED = {"message": "CONNECTED", "id": 100, "subscriptions": []}
INVALID_TOKEN = {"success": False, "status": "INVALID_TOKEN", "id": 0}


class Mismatch(Exception):
    """The gateway does something else than is described."""


def has(actual, expected, what):
    """What came has each of these keys, with these values."""
    missing = {key: value for key, value in expected.items() if key not in actual or actual[key] != value}
    if missing:
        raise Mismatch(f"{what} is {actual}, which lacks {missing}")


class Client:
    """A connection, over which one request is under way at a time. Events come at any moment."""

    def __init__(self, url):
        self.socket = connect(url, open_timeout=PATIENCE)
        self.events = []

    def receive(self):
        """The next message, as JSON."""
        return json.loads(self.socket.recv(timeout=PATIENCE))

    def ask(self, text):
        """Sends a request as it stands, and returns its response."""
        self.socket.send(text)
        while True:
            message = self.receive()
            if "event" not in message:
                return message
            self.events.append(message)

    def call(self, number, message, **args):
        """Sends a request, and returns its response, which has the same id."""
        response = self.ask(json.dumps({"message": message, "id": number, "args": args}))
        has(response, {"id": number}, f"the response to {message}")
        if not isinstance(response["data"], dict) or response["success"] not in (True, False):
            raise Mismatch(f"the response to {message} is {response}")
        return response["success"]

    def event(self, name):
        """The next event of that name. Of those that nobody here asked for, a client knows nothing."""
        while True:
            event = self.events.pop(0) if self.events else self.receive()
            if event["event"] == name:
                return event

    def see_close(self):
        """The gateway closes the connection."""
        try:
            more = self.socket.recv(timeout=PATIENCE)
        except ConnectionClosed:
            return
        raise Mismatch(f"the connection goes on with {more}")


def be_refused(url, text, expected):
    """A token that is none: the error is reported, and the connection closed."""
    client = Client(url)
    has(client.ask(text), expected, f"the response to {text}")
    client.see_close()


def main(url, token):
    with_token = CONNECT.replace("aabbccddeeff", token)

    # Neither is known. One that was presented is not, either.
    be_refused(url, CONNECT, INVALID_TOKEN)
    be_refused(url, RECONNECT, {"id": 100, "subscriptions": []})
    client = Client(url)
    connected = client.ask(with_token)
    has(connected, CONNECTED, "the response to CONNECT")
    session = connected["data"]["session_token"]
    be_refused(url, with_token, INVALID_TOKEN)

    # Subscriptions: what is not registered is an error, unless it may come later.
    subscribe = {"event_name": "event.name", "filters": {"pk": 1}, "permanent": True}
    if not client.call(1, "SUBSCRIBE", **subscribe) or not client.call(2, "SUBSCRIBE", lazy=True, **subscribe):
        raise Mismatch("an event that is registered cannot be subscribed to")
    if client.call(3, "SUBSCRIBE", event_name="pepitos", filters={}, permanent=False, lazy=False):
        raise Mismatch("an event that nobody registered was subscribed to")
    if not client.call(4, "SUBSCRIBE", event_name="pepitos", filters={}, permanent=False, lazy=True):
        raise Mismatch("a lazy subscription did not succeed")
    if client.call(5, "MESSAGE_TYPE"):
        raise Mismatch("there is no such message type")
    print("subscribed", flush=True)
    has(client.event("event.name"), {"data": {"pk": 1}}, "the event")
    has(client.event("pepitos"), {"data": {"pk": 1}}, "the event that came later")
    client.socket.close()

    # The session goes on, on another connection: with its subscriptions, until there are none.
    client = Client(url)
    reconnect = RECONNECT.replace("rrssttuuvvww", session)
    reconnected = client.ask(reconnect)
    has(reconnected, {"message": "CONNECTED", "id": 100}, "the response to RECONNECT")
    names = sorted(subscription["event_name"] for subscription in reconnected["subscriptions"])
    if names != ["event.name", "pepitos"]:
        raise Mismatch(f"the session is subscribed to {names}")
    print("reconnected", flush=True)
    has(client.event("event.name"), {"data": {"pk": 1}}, "the event")
    for number, name, filters in [(101, "event.name", {"pk": 1}), (103, "pepitos", {})]:
        if not client.call(number, "UNSUBSCRIBE", event_name=name, filters=filters):
            raise Mismatch(f"{name} was subscribed to")
        if client.call(number + 1, "UNSUBSCRIBE", event_name=name, filters=filters):
            raise Mismatch(f"{name} was not subscribed to any more")
    client.socket.close()
    client = Client(url)
    has(client.ask(reconnect), RECONNECTED, "the response to RECONNECT")
    client.socket.close()

    # No token at all, where a user is not asked for; and whoever says nothing is told so in the end.
    client = Client(url)
    has(client.ask(CONNECT.replace("aabbccddeeff", "")), CONNECTED, "the response to an empty token")
    client.socket.close()
    client = Client(url)
    has(client.ask(REQUEST), {"success": False, "id": 0}, "the response to what is no CONNECT")
    has(client.receive(), {"success": False, "id": None}, "what is said of a CONNECT that does not come")
    client.see_close()
    print("done", flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Mismatch as mismatch:
        sys.exit(f"python: {mismatch}")
