"""Turns the raw books into plain documents: one paragraph a line, a blank line between paragraphs.

    clean.py RAW_DIR OUT_DIR

RAW_DIR holds austen-*.txt, bible-*.xml, holmes.txt, sawyer.txt, alice.txt and, if it is used,
fairytales.txt. OUT_DIR gets one file a source; its documents (stories or chapters) are separated by
a line that holds only a form feed. The text is pure ASCII: straight quotes, "--" for dashes.

What is dropped: headers and footers of the editions, headings, footnotes, page and note marks,
emphasis marks, and paragraphs with racial slurs (Tom Sawyer has some).
Standard library only.
"""

import pathlib
import re
import sys
import unicodedata

DOCUMENT_SEPARATOR = "\n\f\n"
ASCII = str.maketrans({
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u2014": "--",
    "\u2013": "-", "\u2026": "...", "\u00e6": "ae", "\u00c6": "Ae", "\u0153": "oe", "\u00a0": " ",
    "\ufeff": "",
})
SLURS = re.compile(r"\b(nigg|negro|injun|darky|darkies|half-?breed)", re.IGNORECASE)
# The Bible's books that tell stories, and of Exodus the part before the laws.
STORY_BOOKS = ["Gen", "Exod", "Josh", "Judg", "Ruth", "1Sam", "2Sam", "1Kgs", "2Kgs", "Esth", "Dan",
               "Jonah", "Tob", "Matt", "Mark", "Luke", "John", "Acts"]
LAST_STORY_CHAPTER = {"Exod": 20}
MIN_DOCUMENT_CHARS = 600


def to_ascii(text):
    text = re.sub("\u00a3 ?([0-9][0-9,]*)", r"\1 pounds", text.translate(ASCII))
    text = unicodedata.normalize("NFD", text)
    return "".join(c for c in text if ord(c) < 128)


def join_lines(paragraph):
    """Unwraps one paragraph, and tidies spaces, dashes and emphasis marks."""
    text = re.sub(r"(\w-)\n\s*(\w)", r"\1\2", paragraph)  # a compound broken at its hyphen
    text = re.sub(r"\s+", " ", text)
    text = text.replace("_", "")
    text = re.sub(r" ?\[\*?[^\]]{0,6}\]", "", text)  # page and note numbers
    text = re.sub(r" *--+ *", "--", text)
    text = re.sub(r"\* ?", "", text)
    return text.strip()


def is_prose(paragraph):
    """False for headings, rules, editors' remarks and paragraphs with slurs."""
    return (re.search(r"[a-z]{2}|^\"", paragraph) and re.search(r"[.!?,;:\"')-]", paragraph)
            and not paragraph.startswith("[") and not SLURS.search(paragraph))


def lower_opening(paragraph):
    """Chapters open in capitals ("SATURDAY morning", "IF YOU should"): back to common writing."""
    def lowered(match):
        return match.group(1) + match.group(2).lower() + (match.group(3) or "").lower()
    return re.sub(r"^(\"?[A-Z])([A-Z']*)( [A-Z]{2,})?(?=[ ,;])", lowered, paragraph)


def document(text):
    paragraphs = [join_lines(p) for p in re.split(r"\n[ \t]*\n+", to_ascii(text))]
    paragraphs = [p for p in paragraphs if p and is_prose(p)]
    if paragraphs and re.search(r"\w$", paragraphs[0]):  # a title
        paragraphs = paragraphs[1:]
    if paragraphs:
        paragraphs[0] = lower_opening(paragraphs[0])
    return "\n\n".join(paragraphs)


def chapters(text, heading):
    """What follows each line that matches `heading`; what comes before the first is dropped."""
    return re.split(rf"(?m)^[ \t]*(?:{heading})[^\n]*\n", text)[1:]


def read(path):
    return path.read_text(encoding="utf-8").replace("\r\n", "\n")


def clean_austen(raw):
    out = []
    for path in sorted(raw.glob("austen-*.txt")):
        text = re.split(r"(?m)^(?:FINIS|Finis|THE END|A NOTE ON THE TEXT)\b", read(path))[0]
        out += chapters(text, r"CHAPTER [IVXL0-9]+|Chapter [0-9]+|VOLUME [IVX]+")
    return out


def clean_holmes(raw):
    text = read(raw / "holmes.txt").split("*** START OF THIS PROJECT")[1]
    text = text.split("End of the Project Gutenberg")[0].split("*** END OF")[0]
    return chapters(text, r"ADVENTURE [IVX]+\.|[IVX]+\. THE ADVENTURE OF")


def clean_sawyer(raw):
    text = read(raw / "sawyer.txt").split("\nCONCLUSION\n")[0]
    return chapters(text, r"CHAPTER [IVXL]+")


def clean_alice(raw):
    """Alice marks speech `like this'; the other books use double quotes."""
    text = read(raw / "alice.txt").split("THE END")[0]
    out = []
    for chapter in chapters(text, r"CHAPTER [IVXL]+"):
        # `...' closes at an apostrophe that follows punctuation and precedes a space or an end.
        chapter = re.sub(r"`((?:[^`']|'(?=\w)|(?<=\w)'(?=\s))*?[^\w\s])'(?!\w)", r'"\1"', chapter)
        out.append(chapter.replace("`", '"'))
    return out


def clean_bible(raw):
    out = []
    for book in STORY_BOOKS:
        markup = read(raw / f"bible-{book}.xml")
        markup = re.sub(r"<note\b.*?</note>", " ", markup, flags=re.DOTALL)
        markup = re.sub(r"<title\b.*?</title>", " ", markup, flags=re.DOTALL)
        parts = re.split(r'<chapter [^>]*osisID="\w+\.(\d+)"[^>]*sID=[^>]*>', markup)
        for number, chapter in zip(parts[1::2], parts[2::2]):
            if int(number) > LAST_STORY_CHAPTER.get(book, 999):
                continue
            chapter = re.sub(r'<div [^>]*type="x-p"[^>]*>', "\n\n", chapter)
            chapter = re.sub(r"[ \t\n]+(?=[,.;:!?])", "", re.sub(r"<[^>]*>", "", chapter))
            out.append(chapter)
    return out


def clean_fairytales(raw):
    """Stories are separated by two blank lines."""
    return re.split(r"\n\n\n+", read(raw / "fairytales.txt"))


CLEANERS = {"austen": clean_austen, "holmes": clean_holmes, "sawyer": clean_sawyer,
            "alice": clean_alice, "bible": clean_bible, "fairytales": clean_fairytales}


def main(argv):
    if len(argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    raw, out = pathlib.Path(argv[1]), pathlib.Path(argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name, cleaner in CLEANERS.items():
        if name == "fairytales" and not (raw / "fairytales.txt").exists():
            continue
        try:
            documents = [document(text) for text in cleaner(raw)]
        except (OSError, IndexError, UnicodeDecodeError) as problem:
            print(f"clean.py: {name}: {problem}", file=sys.stderr)
            return 1
        documents = [d for d in documents if len(d) >= MIN_DOCUMENT_CHARS]
        text = DOCUMENT_SEPARATOR.join(documents) + "\n"
        (out / f"{name}.txt").write_text(text, encoding="ascii")
        print(f"{name}: {len(documents)} documents, {sum(map(len, documents))} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
