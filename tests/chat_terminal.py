#!/usr/bin/env python3
"""hadal chat at a terminal: a program on the other side of a pty types, and looks at what comes.

    tests/chat_terminal.py build/hadal

Editing, the history and its mode, several lines, Ctrl-C at the prompt and in an answer, Ctrl-D,
colours and their absence.
"""
import os
import pty
import re
import select
import signal
import stat
import sys
import tempfile
import termios
import time

from served import Server, endless

PROGRAM = sys.argv[1]
SECONDS = 60  # for anything that is waited for
LOCAL_MODES = 3  # place in what tcgetattr gives
SGR = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    def __init__(self, *arguments, **environment):
        env = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment}
        env = {name: value for name, value in env.items() if value is not None}
        self.text = ""
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.execve(PROGRAM, [PROGRAM, "chat", *endless(), *arguments], env)

    def read(self, seconds):
        ready, _, _ = select.select([self.file], [], [], seconds)
        if not ready:
            return False
        try:
            piece = os.read(self.file, 65536)
        except OSError:  # the other side has closed
            return False
        self.text += piece.decode("utf-8", "replace")
        return bool(piece)

    def wait(self, pattern, since=0):
        """The end of the first match behind `since`."""
        deadline = time.monotonic() + SECONDS
        while not (match := re.compile(pattern, re.DOTALL).search(self.text, since)):
            if time.monotonic() > deadline:
                raise AssertionError(f"no {pattern!r} in {self.text[since:]!r}")
            self.read(0.1)
        return match.end()

    def ready(self, pattern, since=0):
        """Likewise of the prompt behind it, and once the terminal gives every key as it is, which
        libedit asks for after the prompt: a Ctrl-D typed before ends nothing."""
        end = self.wait("> ", self.wait(pattern, since))
        deadline = time.monotonic() + SECONDS
        while termios.tcgetattr(self.file)[LOCAL_MODES] & termios.ICANON:
            if time.monotonic() > deadline:
                raise AssertionError(f"no raw terminal behind {self.text!r}")
            time.sleep(0.001)
        return end

    def type(self, text):
        begin = len(self.text)
        os.write(self.file, text.encode())
        return begin

    def end(self):
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                while self.read(0):
                    pass
                return os.waitstatus_to_exitcode(status)
            self.read(0.05)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError(f"does not end: {self.text!r}")


def check(condition, what, terminal):
    if not condition:
        raise AssertionError(f"{what}: {terminal.text!r}")


def answers_and_history(history):
    t = Terminal("--history", history, "--seed", "1", "--max-tokens", "12")
    t.ready("/help lists the commands")
    since = t.type("Once upon a tine\x02\x08m\r")  # one back, delete, and another letter
    t.ready(r"12 tokens at .*cut at the token limit .*context \d+ of .*cache .*B", since)
    check("\x1b[2m" in t.text, "no dimmed status line", t)
    since = t.type("/read /no/such\r")
    t.ready(r"! /no/such: cannot open: No such file", since)
    since = t.type("\x1b[A\x1b[A\r")  # two up: the message again
    end = t.ready(r"12 tokens at", since)
    check("Once upon a time" in SGR.sub("", t.text[since:end]), "no history", t)
    since = t.type("a\\\r")
    t.wait("… ", since)
    since = t.type("b\r")
    t.ready("12 tokens at", since)
    t.type("\x04")
    check(t.end() == 0, "Ctrl-D", t)
    check(stat.S_IMODE(os.stat(history).st_mode) == 0o600, "the history's mode", t)
    with open(history, encoding="utf-8") as file:
        lines = file.read().splitlines()
    expected = ['"Once upon a time"', '"/read /no/such"', '"Once upon a time"', r'"a\nb"']
    check(lines == expected, f"history {lines}", t)


def history_of_before(history):
    t = Terminal("--history", history, "--max-tokens", "4")
    t.ready("/help lists the commands")
    since = t.type("\x1b[A\x1b[A\x1b[A\r")
    t.wait("! /read|No such file", since)
    t.type("/quit\r")
    check(t.end() == 0, "/quit", t)


def interrupts():
    t = Terminal("--no-history", "--seed", "1", "--max-tokens", "20000")
    t.ready("/help lists the commands")
    since = t.type("half a line")
    t.wait("half a line", since)  # else the interrupt may come before anything is read
    t.type("\x03")
    t.ready(r"\^C", since)
    since = t.type("Once upon a time\r")
    t.wait("time\r\n.{40}", since)  # some of the answer
    t.type("\x03")
    t.ready("tokens at .*stopped", since)
    since = t.type("/stats\r")
    t.wait("temperature", since)
    since = t.type("/undo\r")
    t.wait("0 messages are left", since)
    t.type("/quit\r")
    check(t.end() == 0, "/quit", t)


def signals_leave_the_terminal_as_it_was():
    for number in (signal.SIGTERM, signal.SIGHUP):
        t = Terminal("--no-history")
        t.ready("/help lists the commands")
        os.kill(t.pid, number)
        check(t.end() == -number, f"signal {number}", t)
        modes = termios.tcgetattr(t.file)[LOCAL_MODES]
        check(modes & termios.ICANON and modes & termios.ECHO, f"modes after {number}", t)


def without_colours():
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        t = Terminal("--no-history", "--seed", "1", "--max-tokens", "5", "--think", "--fold",
                     **environment)
        t.ready("/help lists the commands")
        since = t.type("Once\r")
        t.wait(r"\d tokens at", since)
        t.type("/quit\r")
        check(t.end() == 0, "/quit", t)
        check(not SGR.search(t.text), f"colours with {environment}", t)
        check("thought for" in t.text, "no folded reasoning", t)


def answers_of_a_server():
    with Server(PROGRAM, "--ctx", "4K", "--threads", "1") as server:
        t = Terminal("--no-history", "--seed", "1", "--max-tokens", "3000", "--url", server.url)
        t.ready("/help lists the commands")
        since = t.type("Once upon a time\r")
        t.wait("time\r\n.{40}", since)
        t.type("\x03")
        t.ready(r"about [1-9]\d* tokens at .*stopped .*context [1-9]\d* of 4,096 .*cache .*B",
                since)
        since = t.type("/stats\r")
        t.wait(r"answer +[1-9]\d* +tokens", since)
        t.type("/quit\r")
        check(t.end() == 0, "/quit", t)


def main():
    with tempfile.TemporaryDirectory() as folder:
        history = os.path.join(folder, "history")
        answers_and_history(history)
        history_of_before(history)
    interrupts()
    signals_leave_the_terminal_as_it_was()
    without_colours()
    answers_of_a_server()
    print("chat_terminal: passed")


main()
