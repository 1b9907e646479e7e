#!/usr/bin/env python3
"""The Debian package: built, looked into, installed in a root of its own, and its server asked.

    tests/package_test.py BUILD_DIR

As root dpkg itself installs it, with its scripts, and removes it again; otherwise its files are
only unpacked. Everything lies in a temporary folder.
"""
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

BUILD = Path(sys.argv[1]).resolve()
WANTED = [
    "usr/bin/hadal",
    "usr/share/hadal/models/embedded/config.json",
    "usr/share/hadal/models/embedded/model.safetensors",
    "usr/share/hadal/models/embedded/tokenizer.json",
    "usr/share/man/man1/hadal.1.gz",
    "usr/share/man/man1/hadal-serve.1.gz",
    "usr/share/man/man1/hadal-chat-encode.1.gz",
    "usr/share/bash-completion/completions/hadal",
    "usr/share/zsh/vendor-completions/_hadal",
    "usr/share/fish/vendor_completions.d/hadal.fish",
    "usr/lib/systemd/system/hadal.service",
    "usr/share/doc/hadal/copyright",
]


def run(*command, **options):
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def build_package(folder):
    run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", folder)
    found = list(folder.glob("hadal_*.deb"))
    assert len(found) == 1, f"packages: {list(folder.iterdir())}"
    return found[0]


def check_control(package):
    fields = dict(re.findall(r"^ *(\S+): (.*)$", run("dpkg-deb", "--info", package), re.M))
    assert fields["Package"] == "hadal", fields
    for library in ("libc6", "libfmt", "libpcre2-8-0", "libedit2", "libsqlite3-0"):
        assert library in fields["Depends"], f"no {library} in {fields['Depends']}"


def dpkg_command(root):
    return ["dpkg", f"--root={root}", "--force-depends", "--force-script-chrootless"]


def install(package, root):
    if os.geteuid() != 0:
        run("dpkg-deb", "-x", package, root)
        return
    database = root / "var/lib/dpkg"
    for folder in ("info", "updates"):
        (database / folder).mkdir(parents=True)
    (database / "status").touch()
    run(*dpkg_command(root), "--install", package)


def check_files(root):
    for name in WANTED:
        assert (root / name).is_file(), f"{name} is not in the package"
    run("bash", "-n", root / WANTED[7])
    unit = (root / "usr/lib/systemd/system/hadal.service").read_text()
    program = re.search(r"^ExecStart=(\S+) (.*)$", unit, re.M)
    assert program and (root / "usr/bin" / program[1]).is_file(), unit
    if shutil.which("systemd-analyze"):
        # Of systemd's own units this root has none, and the program is not where it will be.
        text = unit.replace("ExecStart=hadal", f"ExecStart={root}/usr/bin/hadal")
        copy = root / "hadal.service"
        copy.write_text(re.sub(r"^(After|WantedBy)=.*\n", "", text, flags=re.M))
        said = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(copy)],
            capture_output=True, text=True, check=False,
        ).stderr
        assert "hadal.service" not in said, said


def check_manual(root):
    """A page for every command, and no complaint of roff's."""
    pages = sorted((root / "usr/share/man/man1").iterdir())
    commands = re.findall(r"^  ([a-z]+) ", run(root / "usr/bin/hadal", "--help").split(
        "Subcommands:")[1].split("Examples:")[0], re.M)
    names = {page.name for page in pages}
    assert len(commands) > 10 and {f"hadal-{command}.1.gz" for command in commands} <= names
    serve = gzip.decompress((root / WANTED[5]).read_bytes()).decode()
    assert "\\-\\-api\\-key" in serve and ".SH EXAMPLES" in serve, serve
    if not shutil.which("groff"):
        return
    for page in pages:
        shown = subprocess.run(
            ["groff", "-man", "-ww", "-Tutf8"], input=gzip.decompress(page.read_bytes()),
            capture_output=True, check=False,
        )
        assert shown.returncode == 0 and not shown.stderr, f"{page.name}: {shown.stderr}"


def ask(url, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def check_server(root):
    """Started as its unit starts it, but for the port and where its cache lies."""
    environment = {**os.environ, "PATH": f"{root}/usr/bin"}
    environment.pop("HADAL_MODEL", None)
    cache = root / "var/cache/hadal"
    unit = (root / "usr/lib/systemd/system/hadal.service").read_text()
    assert 'Environment="HADAL_SERVE=--cache-dir /var/cache/hadal"' in unit, unit
    server = subprocess.Popen(
        [f"{root}/usr/bin/hadal", "serve", "--port", "0", "--cache-dir", str(cache)], cwd=root,
        env=environment,
        stdout=subprocess.PIPE, text=True,
    )
    try:
        url = re.search(r"listening at (\S+)", server.stdout.readline())[1]
        answer = json.loads(ask(url, "/v1/chat/completions", {
            "messages": [{"role": "user", "content": "Tell me a story."}], "max_tokens": 8,
            "ignore_eos": True}))
        assert answer["usage"]["completion_tokens"] == 8, answer
        assert "<html" in ask(url, "/").lower()
        assert (root / "usr/share/hadal").as_posix() not in answer["model"]
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0
    # What is kept is whole: nothing of a transaction lies beside it.
    left = {file.name for file in cache.iterdir()}
    assert left == {"index.db", "segments", "tools.db"}, left


def remove(root):
    if os.geteuid() != 0:
        return
    run(*dpkg_command(root), "--purge", "hadal")
    left = [name for name in WANTED if (root / name).exists()]
    assert not left, f"left behind: {left}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        root.mkdir()
        package = build_package(Path(folder) / "package")
        check_control(package)
        install(package, root)
        check_files(root)
        check_manual(root)
        check_server(root)
        remove(root)
    print("ok")


main()
