#!/usr/bin/env python3
"""hadal chat --url: both programs as they are started, one talking to the other over loopback.

    tests/chat_server.py build/hadal

The answers are those of the engine directly, in a pipe and with reasoning; keys; servers that are
not there, refuse, or break off.
"""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from served import Server, endless

PROGRAM = sys.argv[1]
SECONDS = 60
LINES = "Tell me about a fox.\n/think\nAnd then?\n"
DRAWS = ["--seed", "3", "--max-tokens", "24", "--temperature", "0.9", "--frequency-penalty", "1",
         *endless()]


def chat(*arguments, lines=LINES, key=None):
    environment = {**os.environ}
    environment.pop("HADAL_API_KEY", None)
    if key is not None:
        environment["HADAL_API_KEY"] = key
    return subprocess.run(
        [PROGRAM, "chat", *arguments], input=lines, env=environment, timeout=SECONDS,
        capture_output=True, text=True, check=False,
    )


def serve(*flags):
    return Server(PROGRAM, "--ctx", "4K", "--threads", "1", *flags)


def answers_are_the_engines():
    """Two turns, the second with reasoning, saved and compared."""
    with tempfile.TemporaryDirectory() as folder, serve() as server:
        saved = []
        for number, place in enumerate((
            ["--ctx", "4K", "--threads", "1"], ["--url", server.url],
            ["--url", server.url + "/v1/"],
        )):
            file = Path(folder) / f"{number}.json"
            talked = chat(*place, *DRAWS, lines=f"{LINES}/stats\n/ctx\n/save {file}\n")
            assert talked.returncode == 0, talked
            assert re.search(r"^answer +24 +tokens", talked.stdout, re.M), talked
            assert ("top-p" in talked.stdout) == (number == 0), talked
            assert ("embedded's last answer" in talked.stdout) == (number > 0), talked
            if number > 0:  # the server tells the context, and what it takes
                assert re.search(r", of 4,096; about [\d.]+ kB of states", talked.stdout), talked
            saved.append(json.loads(file.read_text())["messages"])
    assert len(saved[0]) == 4 and saved[0][3]["reasoning_content"], saved[0]
    assert saved[1] == saved[0], saved
    assert saved[2] == saved[0], saved


def reasoning_by_any_name():
    shown = []
    for field in ("reasoning_content", "reasoning", "both"):
        with serve("--reasoning-field", field) as server:
            talked = chat("--url", server.url, *DRAWS, "--think", lines="Tell me about a fox.\n")
        assert talked.returncode == 0, talked
        shown.append(talked.stdout)
    field = ["--reasoning-field", "reasoning"]
    with tempfile.TemporaryDirectory() as folder, serve(*field) as server:
        file = Path(folder) / "saved.json"
        chat("--url", server.url, *DRAWS, "--think", lines=f"Tell me of a fox.\n/save {file}\n")
        assert json.loads(file.read_text())["messages"][1]["reasoning_content"]
    assert shown[1] == shown[0] and shown[2] == shown[0], shown


def keys():
    with serve("--api-key", "secret") as server:
        assert chat("--url", server.url, *DRAWS, key="secret").returncode == 0
        for wrong in (None, "secre"):
            refused = chat("--url", server.url, *DRAWS, key=wrong)
            assert refused.returncode == 1, refused
            line = r"hadal: http://\S+: 401 [^\n]*key[^\n]*\n"
            assert re.fullmatch(line, refused.stderr), refused


def models():
    with serve() as server:
        other = chat("--url", server.url, "--url-model", "gpt", *DRAWS, lines="Hello.\n")
        assert "404" in other.stdout + other.stderr and "gpt" in other.stdout + other.stderr, other


def nobody_listens():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = chat("--url", f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert gone.returncode == 1 and gone.stderr.count("\n") == 1, gone
    assert "127.0.0.1" in gone.stderr, gone


def an_answer_that_breaks_off():
    """A server that lists a model, and closes in the middle of its answer."""
    def half(listener):
        models_json = b'{"data":[{"id":"m"}]}'
        stream = b'data: {"choices":[{"delta":{"content":"Half"}}]}\n\n'
        for body, kind in ((models_json, b"application/json"), (stream, b"text/event-stream")):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: " + kind +
                                   b"\r\nConnection: close\r\n\r\n" + body)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=half, args=(listener,))
        thread.start()
        cut = chat("--url", f"http://127.0.0.1:{listener.getsockname()[1]}", lines="Hello.\n")
        thread.join()
    assert "Half" in cut.stdout and "breaks off" in cut.stdout + cut.stderr, cut


def main():
    for test in (answers_are_the_engines, reasoning_by_any_name, keys, models, nobody_listens,
                 an_answer_that_breaks_off):
        test()
        print(f"ok {test.__name__}")


main()
