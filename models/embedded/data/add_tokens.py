#!/usr/bin/env python3
"""Adds tokens at the end of a checkpoint's vocabulary, with rows that the model never chooses.

    add_tokens.py MODEL_DIR TOKEN...

For control tokens that a checkpoint was trained without: prompts that hold them can then be
encoded, and a grammar can ask for them. In MODEL_DIR, tokenizer.json, config.json and
model.safetensors are rewritten; all that was there stays bit for bit, so that texts without the new
tokens have the ids and the logits that they had.

A new token's rows of `embed` and `head` are those of `<think>`, which no training text had either:
all that training did to its head row was to make it unlikely everywhere. Hash-routed layers send
the new tokens where they send the first ones. Standard library only; a second run adds nothing.
"""

import json
import pathlib
import struct
import sys

UNSEEN = "<think>"
PER_TOKEN = ("embed.weight", "head.weight")
HASH_TABLE = ".ffn.gate.tid2eid"


def read_tensors(path):
    """Name -> (header entry, bytes), in the order of the header."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    metadata = header.pop("__metadata__", None)
    return metadata, {
        name: (entry, body[slice(*entry["data_offsets"])]) for name, entry in header.items()
    }


def write_tensors(path, metadata, tensors):
    header, at = {} if metadata is None else {"__metadata__": metadata}, 0
    for name, (entry, data) in tensors.items():
        header[name] = entry | {"data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(
        struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values())
    )


def with_rows(entry, data, rows):
    count = entry["shape"][0]
    width = len(data) // count
    added = b"".join(data[row * width : (row + 1) * width] for row in rows)
    return entry | {"shape": [count + len(rows)] + entry["shape"][1:]}, data + added


def main(folder, wanted):
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    known = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    new = [token for token in wanted if token not in known]
    if not new:
        return
    config_text = (folder / "config.json").read_text()
    vocab = json.loads(config_text)["vocab_size"]
    for token in new:
        like = next(t for t in tokenizer["added_tokens"] if t["content"] == UNSEEN)
        tokenizer["added_tokens"].append(like | {"id": vocab + new.index(token), "content": token})
    metadata, tensors = read_tensors(folder / "model.safetensors")
    for name, (entry, data) in tensors.items():
        if name in PER_TOKEN:
            tensors[name] = with_rows(entry, data, [known[UNSEEN]] * len(new))
        elif name.endswith(HASH_TABLE):
            tensors[name] = with_rows(entry, data, range(len(new)))
    write_tensors(folder / "model.safetensors", metadata, tensors)
    (folder / "tokenizer.json").write_text(
        json.dumps(tokenizer, ensure_ascii=False, indent=2) + "\n"
    )
    (folder / "config.json").write_text(
        config_text.replace(f'"vocab_size": {vocab}', f'"vocab_size": {vocab + len(new)}')
    )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2:])
