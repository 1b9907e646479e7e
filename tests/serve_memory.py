#!/usr/bin/env python3
"""hadal serve under limits on memory that come and go while it answers.

    tests/serve_memory.py build/hadal

At every limit a request is answered, or refused with an error in its API's form, or its connection
closes; none is left waiting. The server lives, and answers again when there is memory again. 77:
this build takes address space without end, as sanitizers do.
"""
import http.client
import json
import random
import re
import resource
import sys
import threading
import time

from served import MODEL, Server

PROGRAM = sys.argv[1]
SECONDS = 60
MIB = 1 << 20
# MiB beside what the server has when its memory is taken away.
LIMITS = [(resource.RLIMIT_AS, more) for more in (-256, 0, 1, 4, 16)] + [
    (resource.RLIMIT_DATA, more) for more in (-64, 0, 2, 8)]
BODIES = (
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Tell me of a fox."}],
                              "max_tokens": 40, "ignore_eos": True}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "A long tale. " * 400}],
                              "max_tokens": 20, "ignore_eos": True, "stream": True}),
    ("/v1/completions", {"prompt": "Once", "max_tokens": 300, "ignore_eos": True, "n": 3,
                         "logprobs": 3}),
    ("/v1/messages", {"messages": [{"role": "user", "content": "Hello."}], "max_tokens": 30,
                      "ignore_eos": True}),
    # Too long for the context, and long enough to want memory of its own.
    ("/v1/responses", {"input": "x " * 3_000_000, "max_output_tokens": 5}),
)


def memory_bytes(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(rf"^{field}:\s+(\d+) kB", status.read(), re.M)[1]) * 1024


def ask(port, path, body):
    """"ok", the status of an error in the API's form, or "closed"."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        text = response.read().decode()
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException):
        return "closed"
    finally:
        connection.close()
    if response.status == 200:
        return "ok"
    assert "message" in json.loads(text)["error"], (response.status, text)
    return response.status


def takes_large_requests(server):
    """Bodies of one word, several at once; a page's data; schemas near what may be compiled."""
    def chat(text):
        return {"messages": [{"role": "user", "content": text}], "max_tokens": 5}

    def several(body, *expected):
        seen = []
        one = lambda: seen.append(ask(server.port, "/v1/chat/completions", body))
        threads = [threading.Thread(target=one) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == 3 and set(seen) <= set(expected), seen

    several(chat("x" * 600_000), 400)
    several(chat("x" * 20_000_000), 413, "closed")
    several(chat("x" * 100_000), 400)  # taken apart
    for _ in range(3):
        assert server.get("/hadal/plan")
    for schema in (
        {"enum": [f"v{number}" for number in range(40_000)]},
        {"type": "object", "additionalProperties": False,
         "properties": {f"p{number}": {"type": "string"} for number in range(3_000)}},
        {"type": "string", "pattern": "^([a-z]{1,200}[0-9]{1,200}){1,100}$"},
        {"type": "string", "maxLength": 20_000},
    ):
        ask(server.port, "/v1/chat/completions", {**chat("A fox."), "response_format": {
            "type": "json_schema", "json_schema": {"name": "x", "schema": schema}}})


def stays_within_its_plan():
    """What a server keeps for clients is bounded, and in the plan that --ram was compared with."""
    with Server(PROGRAM, "-m", MODEL, "--ctx", "32K", "--threads", "2", "--parallel", "4", "--ram",
                "235MB") as server:
        port = server.port
        chat = {"messages": [{"role": "user", "content": "Tell me of a fox."}], "seed": 1}
        large = {**chat, "n": 4, "max_tokens": 6000, "logprobs": True, "top_logprobs": 20,
                 "ignore_eos": True}
        assert ask(port, "/v1/chat/completions", large) == 400
        assert ask(port, "/v1/chat/completions", {**large, "n": 1, "max_tokens": 300}) == "ok"
        for number in range(150):
            text = {"type": "string", "pattern": f"^[a-z]{{1,{number + 1}}}$"}
            schema = {"type": "object", "required": ["a"], "additionalProperties": False,
                      "properties": {"a": text}}
            body = {**chat, "max_tokens": 20, "temperature": 2, "response_format": {
                "type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}
            assert ask(port, "/v1/chat/completions", body) == "ok"
        takes_large_requests(server)
        memory = server.get("/hadal/status")["memory"]
        # Of what is mapped from files, which is no memory of the plan's, weights alone are in it.
        mapped = memory_bytes(server.pid, "RssFile") - memory["weights"]["bytes"]
        peak = memory_bytes(server.pid, "VmHWM") - mapped
        print(f"of {memory['planned_bytes'] / 1e6:.1f} MB planned {peak / 1e6:.1f} MB at most")
        assert peak <= memory["planned_bytes"], (peak, memory)
        time.sleep(2)  # what is free is given back
        held = memory_bytes(server.pid, "RssAnon")
        planned = memory["planned_bytes"] - memory["weights"]["bytes"]
        print(f"of {planned / 1e6:.1f} MB planned beside the weights {held / 1e6:.1f} MB are held")
        assert held <= planned, (held, planned)


class Clients:
    """Ask without end, until told to stop."""

    def __init__(self, port):
        self.port, self.over, self.seen, self.failed = port, False, {}, []
        self.threads = [
            threading.Thread(target=self.work, args=(n,), daemon=True) for n in range(4)]
        for thread in self.threads:
            thread.start()

    def work(self, seed):
        draw = random.Random(seed)
        while not self.over:
            path, body = draw.choice(BODIES)
            try:
                outcome = ask(self.port, path, body)
            except Exception as error:  # pylint: disable=broad-except
                self.failed.append((path, repr(error)))
                return
            self.seen[outcome] = self.seen.get(outcome, 0) + 1

    def stop(self):
        self.over = True
        for thread in self.threads:
            thread.join()


def main():
    with Server(PROGRAM, "-m", MODEL, "--ctx", "4K", "--threads", "2", "--parallel", "4") as server:
        port = server.port
        if memory_bytes(server.pid, "VmSize") > 1 << 40:
            print("skipped: this build takes address space without end")
            return 77
        seen = {}
        for kind, more in LIMITS:
            field = "VmSize" if kind == resource.RLIMIT_AS else "VmData"
            before = resource.prlimit(server.pid, kind)
            clients = Clients(port)
            time.sleep(0.5)
            limit = max(memory_bytes(server.pid, field) + more * MIB, 0)
            resource.prlimit(server.pid, kind, (limit, before[1]))
            time.sleep(1)
            assert server.process.poll() is None, (field, more, server.process.returncode)
            resource.prlimit(server.pid, kind, before)
            clients.stop()
            assert not clients.failed, (field, more, clients.failed)
            for path, body in BODIES:
                answer = ask(port, path, body)
                assert answer == (400 if "input" in body else "ok"), (field, more, path, answer)
            print(field, more, "MiB:", clients.seen)
            for outcome, count in clients.seen.items():
                seen[outcome] = seen.get(outcome, 0) + count
        assert seen.get("ok") and (seen.get(503) or seen.get("closed")), seen  # they did something
    stays_within_its_plan()
    return 0


sys.exit(main())
