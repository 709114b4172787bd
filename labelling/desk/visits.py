"""The way of a visitor through a study: pages before, the pairs, pages after, and the completion code.

Where a visitor is follows from what is stored: a reload, a second tab or a server that was killed change nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelling.desk.desks import Desks
from labelling.desk.page_answers import colour_answers, display_answers, question_answers
from labelling.desk.sets import AnswerNotAllowed, Set, UnknownShowing
from labelling.exchange.study_pages import StudyPages
from labelling.store import VISITOR, LinkClosed, Observer, Store, StudyFull, Visitor

WORK, END, EXCLUDED, LAPSED = "work", "end", "excluded", "lapsed"


@dataclass(frozen=True)
class Study:
    """What is stored with an open link: its pages, the texts of another language, and which practice answers are right."""

    round: str
    pages: StudyPages
    language: str
    texts: Mapping[str, str]
    truths: Mapping[str, str]

    def steps(self) -> list[str]:
        """The pages that this study has, in the order in which they come."""
        pages = self.pages
        asked = {
            "consent": pages.consent, "instructions": pages.instructions, "before": pages.asked("before"),
            "colour": pages.colour_check, "display": pages.display_check, WORK: True, "after": pages.asked("after"),
        }  # fmt: skip
        return [step for step, has in asked.items() if has]

    def to_json(self) -> str:
        """As it is stored with the link; `study_of` reads it."""
        values = {"pages": self.pages.model_dump(mode="json"), "language": self.language}
        return json.dumps(values | {"texts": dict(self.texts), "truths": dict(self.truths)}, sort_keys=True)


def study_of(round: str, text: str) -> Study:
    """What `Study.to_json` gave."""
    values = json.loads(text)
    return Study(
        round, StudyPages.model_validate(values["pages"]), values["language"], values["texts"], values["truths"]
    )


class Visits:
    """Where visitors are, and what they answer."""

    def __init__(self, store: Store, desks: Desks) -> None:
        self._store = store
        self._desks = desks
        self._studies: dict[str, tuple[str, Study]] = {}
        self._lock = threading.Lock()

    def study(self, token: str) -> Study:
        """The study behind an open link, closed or not. Raises LinkClosed where there is none, or not on this server."""
        return self._of(self._store.link(token).round)

    def study_of(self, observer: Observer) -> Study:
        """The study that a visitor came for."""
        return self._of(self._store.visitor(observer.id).round)

    def closed(self, token: str) -> str | None:
        """Why nobody can be let in by a link at the moment: "closed" or "full"; None where somebody can."""
        try:
            link = self._store.check_room(token)
            return "full" if self._desks.pairs_complete(link.round) else None
        except StudyFull:
            return "full"
        except LinkClosed:
            return "closed"

    def join(self, token: str, browser: str, *, begin: bool) -> Observer | None:
        """The visitor that a browser is; a new one only where it wants to `begin`. Raises LinkClosed, StudyFull."""
        round = self.study(token).round
        known = self._store.visitor_in(token, browser)
        if known is not None or not begin:
            return known
        if self._desks.pairs_complete(round):
            raise StudyFull("as many people as were asked for have taken part already")
        return self._store.join(token, browser)[0]

    def step(self, observer: Observer) -> tuple[str, Visitor]:
        """What comes next for a visitor: one of `Study.steps`, END, EXCLUDED, or LAPSED; and what is known of it."""
        try:
            found = self._store.keep_place(observer.id)
        except StudyFull:
            return LAPSED, self._store.visitor(observer.id)
        if found.excluded:
            return EXCLUDED, found
        for step in () if found.finished_at else self._of(found.round).steps():
            if step == WORK:
                if "after" not in found.pages and self._desks.pairs(found.round, observer).state(observer).left:
                    return WORK, found
            elif step not in found.pages:
                return step, found
        return END, found if found.finished_at else self._store.finish_visit(observer.id)

    def work(self, observer: Observer) -> str:
        """The token of the set that a visitor works on."""
        round = self._store.visitor(observer.id).round
        return self._desks.names.set(observer, Set(round, "compare"))

    def answer(self, observer: Observer, page: str, answers: Mapping[str, Any]) -> None:
        """Store what a visitor says on a page that comes next; the same page again changes nothing.

        Raises AnswerNotAllowed with the place that is wrong, UnknownShowing where that page is not next.
        """
        if observer.role != VISITOR:
            raise UnknownShowing("there is no such page here; open your personal link again")
        step, found = self.step(observer)
        if page in found.pages:
            return
        if page != step or page == WORK:
            raise UnknownShowing("there is no such page here; open your personal link again")
        content, excluded = self._checked(self._of(found.round).pages, observer, page, answers)
        self._store.add_page(observer.id, page, content, excluded=excluded)

    def _checked(
        self, pages: StudyPages, observer: Observer, page: str, answers: Mapping[str, Any]
    ) -> tuple[Any, str | None]:
        """What is stored of answers, and why they exclude, if they do."""
        if page == "colour" and pages.colour_check is not None:
            content = colour_answers(pages.colour_check, observer.id, answers)
            failed = not content["passed"] and pages.colour_check.failed == "exclude"
        elif page == "display" and pages.display_check is not None:
            content = display_answers(pages.display_check, answers)
            failed = not content["passed"] and pages.display_check.too_small == "exclude"
        elif page in ("before", "after"):
            return question_answers(pages.asked(page), answers), None
        elif answers:
            raise AnswerNotAllowed("nothing is asked on this page")
        else:
            return True, None
        return content, page if failed else None

    def _of(self, round: str) -> Study:
        if round not in self._desks.rounds():
            raise LinkClosed("this link is not valid here")
        link = self._store.link_of(round)
        if link is None:
            raise LinkClosed("this link is not valid here")
        with self._lock:
            text, study = self._studies.get(round, ("", None))
            if study is None or text != link.pages:
                study = study_of(round, link.pages)
                self._studies[round] = (link.pages, study)
            return study


def limits_of(pages: StudyPages, **given: Any) -> dict[str, Any]:
    """Fields of Limits: what is `given` on the command line, else in the file."""
    return {
        name: getattr(pages, name) if given.get(name) is None else given[name]
        for name in ("quota", "people", "votes", "hold")
    }
