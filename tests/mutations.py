"""Valid files with one to three things spoilt: in their structure, or in their bytes."""

import copy
import json

ODD = [None, True, -1, 0, 2.5, 10**400, float("nan"), float("inf"), -1e308]
ODD += ["", " ", "x", "\x1b[2J", "\ud83d", [], {}, [[]], {"x": 1}, ["x", 1]]


def mutated(rows, random, *, lines=True):
    """The bytes of a spoilt file of JSON: of ``rows`` as lines, or as one document."""
    value = copy.deepcopy(rows)
    for _ in range(random.randint(1, 3)):
        spoil(value, random)
    text = "".join(json.dumps(row) + "\n" for row in value) if lines else json.dumps(value)
    raw = text.encode()
    return spoilt_bytes(raw, random) if random.random() < 0.3 else raw


def mutated_text(text, random):
    """The bytes of a spoilt file of lines: lines or cells lost, doubled, swapped, cut elsewhere."""
    mark = next(mark for mark in "\t, " if mark in text)
    rows = [line.split(mark) for line in text.splitlines()]
    for _ in range(random.randint(1, 3)):
        value = random.choice(rows) if rows and random.random() < 0.6 else rows
        if not value:
            continue
        key, change = random.randrange(len(value)), random.randrange(4)
        if change == 0:
            del value[key]
        elif change == 1:
            value.insert(key, copy.copy(value[key]))
        elif change == 2:
            other = random.randrange(len(value))
            value[key], value[other] = value[other], value[key]
        elif value is not rows:
            value[key] = str(random.choice(ODD))[:300].replace("\ud83d", "")
    separator = random.choice(["\t", "\t", ",", " "]) if random.random() < 0.2 else None
    raw = "".join((separator or mark).join(row) + "\n" for row in rows).encode()
    return spoilt_bytes(raw, random) if random.random() < 0.3 else raw


def spoilt_bytes(raw, random):
    """Bytes with one place cut, changed, parted or doubled."""
    if raw:
        place = random.randrange(len(raw))
        raw = random.choice(
            [
                raw[:place],
                raw[:place] + bytes([random.randrange(256)]) + raw[place + 1 :],
                raw[:place] + raw[place + random.randint(1, 9) :],
                raw[:place] + b"\n" + raw[place:],
                raw[:place] + raw,
            ]
        )
    return raw


def spoil(value, random):
    """Change one thing at a random depth: another value, one less, one twice, two swapped."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = random.choice(keys)
        if isinstance(value[key], dict | list) and value[key] and random.random() < 0.8:
            value = value[key]
            continue
        change = random.randrange(4)
        if change == 0:
            del value[key]
        elif change == 1 and isinstance(value, list):
            value.insert(key, copy.deepcopy(value[key]))
        elif change == 2:
            other = random.choice(keys)
            value[key], value[other] = value[other], value[key]
        else:
            value[key] = copy.deepcopy(random.choice(ODD))
        return
