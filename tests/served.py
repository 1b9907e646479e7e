"""Tests only: hadal serve on a port of its own.

    with Server(PROGRAM, "--ctx", "4K") as server:
        server.get("/hadal/status")

It must end, once it is told to, with exit code 0.
"""
import http.client
import json
import pathlib
import re
import signal
import subprocess

SECONDS = 60  # for an answer, and for the end
MODEL = pathlib.Path(__file__).resolve().parent.parent / "models" / "embedded"


def endless():
    """Flags of hadal chat with which only its length ends an answer, whatever the model would
    write: no control token is ever drawn."""
    tokens = json.loads((MODEL / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    return [word for token in tokens for word in ("--logit-bias", f"{token['id']}=-100")]


class Server:
    def __init__(self, program, *flags):
        self.process = subprocess.Popen(
            [program, "serve", "--port", "0", *flags], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        self.url = re.search(r"listening at (\S+)", self.process.stdout.readline())[1]
        self.port = int(self.url.rpartition(":")[2])
        self.pid = self.process.pid

    def get(self, path):
        """The JSON of a GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=SECONDS) == 0, self.process.returncode
