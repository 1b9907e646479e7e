#!/usr/bin/env python3
"""Measures hadal serve under load: what docs/performance.md says of it.

    tools/load_test.py [build/hadal] [-m DIR] [--tokens 64] [--clients 1,8,32] [--seconds 5]

Starts a server on loopback and prints: requests/s of short requests; for each number of clients the
time to the first token and between tokens (medians and 95th percentiles), and tokens/s; processor
time of the server's own threads a token, beside the engine's; memory of 1,000 idle connections.
"""
import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import time

FOX = [{"role": "user", "content": "Tell me a story about a fox."}]


def request(path, body):
    data = json.dumps(body).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n").encode() + data


async def stream(port, tokens, times):
    """One streamed answer: appends the moments at which its pieces came, the request's first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    moments = [time.perf_counter()]
    writer.write(request("/v1/chat/completions", {
        "messages": FOX, "max_tokens": tokens, "ignore_eos": True, "stream": True,
        "thinking": {"type": "disabled"}}))
    while line := await reader.readline():
        if b'"delta":{"content":' in line:
            moments.append(time.perf_counter())
        if b"[DONE]" in line:
            break
    writer.close()
    times.append(moments)


async def short_requests(port, until):
    """Requests of one token over one connection, one after the other; returns how many."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.perf_counter() < until:
        writer.write(request("/v1/completions", {"prompt": "a", "max_tokens": 1}))
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(re.search(rb"content-length: (\d+)", head).group(1))
        await reader.readexactly(size)
        count += 1
    writer.close()
    return count


class Server:
    def __init__(self, options):
        command = [options.program, "serve", "--port", "0", "--ctx", "8K", "--parallel", "32"]
        if options.model:
            command += ["-m", options.model]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(re.search(r":(\d+)$", self.process.stdout.readline().strip()).group(1))

    def thread_seconds(self):
        """(the loop and its workers, the engine): processor time so far. The loop's thread is the
        process's first, its workers are the next two; all others compute."""
        pid = self.process.pid
        threads = sorted(int(thread) for thread in os.listdir(f"/proc/{pid}/task"))
        seconds = []
        for thread in threads:
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                seconds.append(int(file.read().split()[0]) * 1e-9)
        return sum(seconds[:3]), sum(seconds[3:])

    def resident(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def percentiles(values):
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


async def measure(server, options):
    port = server.port
    await stream(port, 8, [])  # warm
    until = time.perf_counter() + options.seconds
    counts = await asyncio.gather(*(short_requests(port, until) for _ in range(8)))
    print(f"short requests, 8 connections: {sum(counts) / options.seconds:.0f}/s")

    print("clients  first token ms (95%)  between tokens ms (95%)  tokens/s"
          "  server us/token  engine us/token")
    for clients in options.clients:
        times, before, began = [], server.thread_seconds(), time.perf_counter()
        await asyncio.gather(*(stream(port, options.tokens, times) for _ in range(clients)))
        seconds = time.perf_counter() - began
        after = server.thread_seconds()
        tokens = clients * options.tokens
        first = percentiles([1e3 * (m[1] - m[0]) for m in times])
        gaps = percentiles([1e3 * (b - a) for m in times for a, b in zip(m[1:], m[2:])])
        used = [1e6 * (a - b) / tokens for a, b in zip(after, before)]
        print(f"{clients:7d}  {first[0]:14.1f} {first[1]:5.1f}  {gaps[0]:17.2f} {gaps[1]:5.2f}"
              f"  {tokens / seconds:8.0f}  {used[0]:15.1f}  {used[1]:15.1f}")

    before = server.resident()
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(1000)]
    print(f"1,000 idle connections: {(server.resident() - before) / 1e6:.1f} MB")
    for _, writer in idle:
        writer.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", nargs="?", default="build/hadal")
    parser.add_argument("-m", "--model")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", default="1,8,32",
                        type=lambda text: [int(part) for part in text.split(",")])
    options = parser.parse_args()
    server = Server(options)
    try:
        asyncio.run(measure(server, options))
    finally:
        server.process.terminate()
        server.process.wait()


if __name__ == "__main__":
    main()
