"""Files, as a program in Python hands them around: by requests, with the key that a client of the original has.

Usage: python files.py URL. Ends with 0 when every answer was what is promised.
"""

import hashlib
import io
import sys

import requests

from peer import PATIENCE, Mismatch, Peer

URL = sys.argv[1]
CONTENT = bytes(range(256)) * 5000


def same(actual, expected, what):
    """Stops unless both are equal."""
    if actual != expected:
        raise Mismatch(f"{what} is {actual!r} but should be {expected!r}")


def slowly(content, size):
    """A body of unknown length, in pieces."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


def main():
    peer = Peer(URL, "python")
    files = URL.replace("ws://", "http://").removesuffix("/ws") + "/fs/python/"
    http = requests.Session()
    http.headers["x-fs-key"] = peer.info["uuid"]

    def ask(method, path, status, **more):
        answer = http.request(method, files + path, timeout=PATIENCE, **more)
        same(answer.status_code, status, f"the status of {method} {path}")
        return answer

    # As the original's clients do: a form with one file, several parts of one file, several files.
    ask("POST", "one", 201, files={"file": ("any.bin", io.BytesIO(CONTENT))})
    same(ask("GET", "one", 200).content, CONTENT, "what was posted")
    ask("POST", "joined", 201, files=[("a", ("x", b"first ")), ("b", ("x", b"second"))])
    same(ask("GET", "joined", 200).content, b"first second", "the parts of one file")
    error = ask("POST", "joined", 412, files=[("a", ("x", b"1")), ("b", ("y", b"2"))]).json()
    same(error["error"], "several_files", "why two files are not one")
    ask("POST", "", 201, files=[("a", ("größe.txt", b"12")), ("b", ("d/e", b"3"))])
    same(ask("GET", "größe.txt", 200).content, b"12", "a file of a name that is no ASCII")

    # Bodies that are the file.
    ask("PUT", "raw", 201, data=CONTENT)
    ask("PUT", "raw", 204, data=slowly(CONTENT, 70_001))
    whole = ask("GET", "raw", 200, stream=True)
    digest = hashlib.sha256()
    for piece in whole.iter_content(10_000):
        digest.update(piece)
    same(digest.hexdigest(), hashlib.sha256(CONTENT).hexdigest(), "the digest of what was streamed")
    part = ask("GET", "raw", 206, headers={"Range": "bytes=1000-1009"})
    same((part.content, part.headers["Content-Range"]), (CONTENT[1000:1010], f"bytes 1000-1009/{len(CONTENT)}"), "a part")
    ask("GET", "raw", 304, headers={"If-None-Match": whole.headers["ETag"]})
    ask("GET", "raw", 304, headers={"If-Modified-Since": whole.headers["Last-Modified"]})
    same(int(ask("HEAD", "raw", 200).headers["Content-Length"]), len(CONTENT), "the length in the head")

    listed = {entry["path"]: entry for entry in ask("GET", "", 200).json()}
    same(sorted(listed), ["d/e", "größe.txt", "joined", "one", "raw"], "the paths in the list")
    same(listed["raw"]["sha256"], digest.hexdigest(), "the digest in the list")
    same(listed["raw"]["etag"], whole.headers["ETag"], "the etag in the list")
    ask("DELETE", "raw", 200)
    same(ask("GET", "raw", 404).json()["error"], "not_found", "why there is no file")
    ask("PUT", "..%2Fescape", 400, data=b"x")
    ask("PUT", "raw", 417, data=b"x", headers={"x-fs-key": "sesame"})
    peer.leave()
    print("done")


main()
