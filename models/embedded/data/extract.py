"""Decodes the texts that the Debian packages hold in binary form.

    extract.py austen DIR_WITH_Rdata OUT_DIR   six novels from the R package's lazy-load database
    extract.py bible DIR_WITH_MODULE OUT_DIR   the books of a SWORD zText module, as OSIS markup

Standard library only. Output: one UTF-8 file a novel, one a book of the Bible that tells stories.
Exit code 1 and one line on stderr if the input is not what it should be.
"""

import pathlib
import re
import struct
import sys
import zlib

from clean import STORY_BOOKS

NOVELS = ["emma", "mansfieldpark", "northangerabbey", "persuasion", "prideprejudice",
          "sensesensibility"]
R_INT_PAIR = b"\0\0\0\x0d\0\0\0\x02"  # R's XDR form of an integer vector of length 2
R_STRING_VECTOR = 16


class BadInput(Exception):
    pass


def r_strings(data):
    """The elements of a serialised R character vector (XDR format, version 3)."""
    encoding_bytes = struct.unpack_from(">I", data, 14)[0]
    at = 18 + encoding_bytes
    kind, count = struct.unpack_from(">II", data, at)
    if kind & 0xFF != R_STRING_VECTOR:
        raise BadInput(f"R object of type {kind & 0xFF}, expected {R_STRING_VECTOR} (strings)")
    at += 8
    lines = []
    for _ in range(count):
        length = max(struct.unpack_from(">Ii", data, at)[1], 0)  # -1 is NA
        at += 8
        lines.append(data[at:at + length].decode("utf-8"))
        at += length
    return lines


def extract_austen(source, out):
    index = zlib.decompress((source / "Rdata.rdx").read_bytes(), 47)
    chunks = (source / "Rdata.rdb").read_bytes()
    places = [struct.unpack_from(">II", index, m.end()) for m in re.finditer(R_INT_PAIR, index)]
    if len(places) != len(NOVELS):
        raise BadInput(f"Rdata.rdx: {len(places)} objects, expected {len(NOVELS)}")
    for name, (offset, size) in zip(NOVELS, places):
        raw = zlib.decompress(chunks[offset + 4:offset + size])  # 4 bytes: the raw length
        (out / f"austen-{name}.txt").write_text("\n".join(r_strings(raw)) + "\n", encoding="utf-8")


def extract_bible(source, out):
    books = {}
    for testament in ("ot", "nt"):
        index = (source / f"{testament}.bzs").read_bytes()
        blocks = (source / f"{testament}.bzz").read_bytes()
        for at in range(0, len(index), 12):
            offset, size, raw_size = struct.unpack_from("<III", index, at)
            text = zlib.decompress(blocks[offset:offset + size])
            if len(text) != raw_size:
                raise BadInput(f"{testament}.bzz: block of {len(text)} bytes, expected {raw_size}")
            book = re.search(rb'osisID="(\w+)', text)
            if book:  # a book that another one interrupts comes in several blocks
                books.setdefault(book.group(1).decode(), []).append(text)
    for book, parts in books.items():
        if book in STORY_BOOKS:
            (out / f"bible-{book}.xml").write_bytes(b"\n".join(parts))


def main(argv):
    if len(argv) != 4 or argv[1] not in ("austen", "bible"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    out = pathlib.Path(argv[3])
    out.mkdir(parents=True, exist_ok=True)
    try:
        (extract_austen if argv[1] == "austen" else extract_bible)(pathlib.Path(argv[2]), out)
    except (BadInput, OSError, zlib.error, struct.error) as problem:
        print(f"extract.py: {argv[2]}: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
