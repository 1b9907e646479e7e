"""Divides the clean documents into training and held-out text, and checks that nothing leaks.

    split.py CLEAN_DIR TRAIN_DIR HELDOUT_DIR

Held out are whole documents, in the order of their SHA-256, so that adding a document moves no
other: tales up to about 280,000 characters, and a few chapters of the other books. A document is
passed over if another one resembles it:
  - over 0.1 % of its 50-character shingles (of lower-case words) occur in any other document, or
  - its rare words are those of another tale (cosine of tf-idf over 0.15): the same story told by
    another translator, or a sequel.
Training tales are also written as chats (chat.txt): "Tell me a story about a fox." and the tale.
Standard library only.
"""

import collections
import hashlib
import math
import pathlib
import re
import sys

SEPARATOR = "\n\f\n"
SHINGLE = 50
MAX_SHARED = 0.001
MAX_SIMILARITY = 0.15
RARE_IN = 20  # a word is rare if at most this many tales have it
TALE_CHARS = 280_000
PROSE_DOCUMENTS = {"austen": 2, "bible": 4, "holmes": 1, "sawyer": 1}

USER, ASSISTANT, THINK_END = "<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>", "</think>"
TOPICS = """king queen prince princess fox wolf bear cat dog mouse horse bird rabbit frog fish lion
dragon giant witch fairy dwarf troll mermaid robber soldier tailor miller fisherman hunter farmer
peasant shepherd sailor merchant servant beggar boy girl brother sister mother father stepmother
grandmother ring sword tree forest castle ship snake swan goose hen crow eagle monkey tiger donkey
goat pig cow sheep ghost magician doll flower star moon""".split()
FORMS = ["Tell me a story about a {}.", "Tell me a tale of a {}.", "Please tell me about a {}.",
         "Write a story about a {}.", "Do you know a story with a {} in it?"]


def words(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def shingle_matches(documents, candidates):
    """For each candidate, the share of its shingles that another document has too."""
    plain = {key: " ".join(words(text)) for key, text in documents.items()}
    owners = collections.defaultdict(set)
    for key in candidates:
        for at in range(len(plain[key]) - SHINGLE + 1):
            owners[plain[key][at:at + SHINGLE]].add(key)
    shared = collections.defaultdict(set)
    for key, text in plain.items():
        for at in range(len(text) - SHINGLE + 1):
            shingle = text[at:at + SHINGLE]
            for owner in owners.get(shingle, ()):
                if owner != key:
                    shared[owner].add(shingle)
    return {key: len(shared[key]) / max(1, len(plain[key]) - SHINGLE + 1) for key in candidates}


def rare_word_vectors(texts):
    counts = {key: collections.Counter(words(text)) for key, text in texts.items()}
    found_in = collections.Counter(word for count in counts.values() for word in count)
    vectors = {}
    for key, count in counts.items():
        vector = {word: (1 + math.log(n)) * math.log(len(texts) / found_in[word])
                  for word, n in count.items() if found_in[word] <= RARE_IN}
        norm = math.sqrt(sum(x * x for x in vector.values())) or 1
        vectors[key] = {word: x / norm for word, x in vector.items()}
    return vectors


def most_similar(key, vectors):
    mine = vectors[key]
    return max(sum(x * other.get(word, 0) for word, x in mine.items())
               for name, other in vectors.items() if name != key)


def rank(texts):
    return sorted(texts, key=lambda key: hashlib.sha256(texts[key].encode()).hexdigest())


def choose_heldout(sources):
    """The keys (source, number) of the documents to hold out."""
    documents = {(name, i): text for name, texts in sources.items() for i, text in enumerate(texts)}
    chosen, candidates = [], {}
    for name, texts in sources.items():
        limit = 3 * PROSE_DOCUMENTS.get(name, 0) if name != "fairytales" else 60
        own = {(name, i): text for i, text in enumerate(texts)}
        candidates[name] = rank(own)[:limit]
    shared = shingle_matches(documents, [key for keys in candidates.values() for key in keys])
    vectors = rare_word_vectors({key: t for key, t in documents.items() if key[0] == "fairytales"})
    for name, keys in candidates.items():
        chars = count = 0
        for key in keys:
            enough = (chars >= TALE_CHARS if name == "fairytales"
                      else count >= PROSE_DOCUMENTS.get(name, 0))
            if enough:
                break
            similarity = most_similar(key, vectors) if name == "fairytales" else 0.0
            if shared[key] > MAX_SHARED or similarity > MAX_SIMILARITY:
                print(f"not held out: {name} {key[1]} ({shared[key]:.2%} of its shingles "
                      f"elsewhere, similarity {similarity:.2f}): {documents[key][:50]!r}")
                continue
            chosen.append(key)
            chars, count = chars + len(documents[key]), count + 1
    print(f"most shared shingles in a held-out document: {max(shared[k] for k in chosen):.3%}")
    return set(chosen)


def as_chat(tale, found_in, tales):
    """The tale as the answer to a request that names what it speaks of most."""
    count = collections.Counter(words(tale))
    topic = max(TOPICS, key=lambda t: (count[t] * math.log((tales + 1) / (found_in[t] + 1)), t))
    form = FORMS[int(hashlib.sha256(tale.encode()).hexdigest(), 16) % len(FORMS)]
    request = re.sub(r"\ba (?=[aeiou])", "an ", form.format(topic)) if count[topic] > 2 else \
        "Tell me a story."
    return f"{USER}{request}{ASSISTANT}{THINK_END}{tale}"


def write(path, texts):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SEPARATOR.join(texts) + "\n", encoding="utf-8")
    print(f"{path}: {len(texts)} documents, {path.stat().st_size} bytes")


def main(argv):
    if len(argv) != 4:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    clean, train, heldout = (pathlib.Path(a) for a in argv[1:])
    sources = {p.stem: p.read_text(encoding="ascii").rstrip("\n").split(SEPARATOR)
               for p in sorted(clean.glob("*.txt"))}
    if not sources:
        print(f"split.py: {clean}: no .txt files", file=sys.stderr)
        return 1
    chosen = choose_heldout(sources)
    for name, texts in sources.items():
        write(train / f"{name}.txt", [t for i, t in enumerate(texts) if (name, i) not in chosen])
    prose = [sources[n][i] for n, i in sorted(chosen) if n != "fairytales"]
    write(heldout / "prose.txt", prose)
    if "fairytales" in sources:
        tales = sources["fairytales"]
        write(heldout / "fairytales.txt",
              [tales[i] for n, i in sorted(chosen) if n == "fairytales"])
        found_in = collections.Counter(w for t in tales for w in set(words(t)))
        kept = [t for i, t in enumerate(tales) if ("fairytales", i) not in chosen]
        write(train / "chat.txt", [as_chat(t, found_in, len(tales)) for t in kept])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
