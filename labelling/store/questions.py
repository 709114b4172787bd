"""When two questions are the same one. Answers belong to a question, so this decides what counts for what.

What is here names the answers of every store: whoever changes it has to bring older stores along (database.migrations).
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Sequence


def same_question(text: str) -> str:
    """The question in the form in which two are compared: NFC, white space collapsed to single spaces, none around.

    Another word, sign or capital letter is another question.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def question_id(text: str, criteria: Sequence[Sequence[str]] = ()) -> str:
    """sha256 in hex of what is asked: of the question, and in ratings of each criterion's name, title and scale."""
    asked = [same_question(text), [[same_question(part) for part in criterion] for criterion in criteria]]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=True, separators=(",", ":")).encode("ascii")).hexdigest()
