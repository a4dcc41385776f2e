"""Which entries may have been meant by a text that is no id: by other names, by those of torch, and by titles."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from .counterpart import counterpart
from .entry import Entry


def suggestions(text: str, entries: Iterable[Entry], most: int = 3) -> list[str]:
    """Ids of entries, the likeliest first: for ``linear`` dense, for ``CrossEntropyLoss`` softmax-ce.

    An entry with that name comes first, in whatever case and with whatever between words; then ids that begin with it,
    what torch calls so, names and titles that hold its words, and ids that are spelt alike.
    """
    entries = list(entries)
    plain, words = _plain(text), re.findall(r"\w+", text.lower())
    if not plain:
        return []
    titles = {e.id: " ".join([e.title, *e.names]).lower() for e in entries}
    found = [e.id for e in entries if plain in map(_plain, (e.id, *e.names))]
    found += [e.id for e in entries if _plain(e.id).startswith(plain)]
    found += [e.id for e in entries if _alone(text) in map(_alone, (*e.names, *_of_torch(e)))]
    holding = [id for id, title in titles.items() if all(re.search(rf"\b{re.escape(w)}", title) for w in words)]
    found += sorted(holding, key=lambda id: len(titles[id]))
    alike = {_plain(e.id): e.id for e in entries}
    found += [alike[match] for match in get_close_matches(plain, alike, most, 0.6)]
    return list(dict.fromkeys(found))[:most]


def _plain(name: str) -> str:
    """A name without case and without what stands between its words."""
    return re.sub(r"[\W_]", "", name.lower())


def _alone(name: str) -> str:
    """The same, without a last word that says what kind of thing it is."""
    return re.sub(r"(?<=.)(loss|layer|function)$", "", _plain(name))


def _of_torch(entry: Entry) -> list[str]:
    """The names of the functions of torch that an entry is checked against, without the modules they are in."""
    return [name.rpartition(".")[2] for name in re.findall(r"\btorch(?:\.\w+)+", counterpart(entry))]
