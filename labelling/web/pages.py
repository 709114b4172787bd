"""The pages as HTML, and the scripts and styles that go with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from labelling.web.language import Language, english

_HERE = Path(__file__).parent
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

# Followed from a mail or another site, a personal link's redirect comes without the cookie, which browsers send only
# where this site itself led to the page. This page leads to it.
_GO_ON = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Loupe</title>'
    '<meta http-equiv="refresh" content="0;url=/"></head><body><p><a href="/">Go on</a></p></body></html>'
)


class Pages:
    """Renders labelling/web/templates/NAME.html; everything put into a page is escaped."""

    def __init__(self, language: Language | None = None) -> None:
        self.language = language or english()
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, auto_reload=False
        )
        self._templates.filters["number"] = lambda value: f"{value:g}"

    def show(self, name: str, status: int = 200, language: Language | None = None, **values: Any) -> HTMLResponse:
        """The page NAME.html with `values`, in a language other than that of all pages where one is given."""
        texts = language or self.language
        values |= {"t": texts, "scripts": {} if name == "refused" else texts.for_scripts}
        return HTMLResponse(self._templates.get_template(f"{name}.html").render(values), status)

    def refuse(self, status: int, message: str, language: Language | None = None) -> HTMLResponse:
        """The page that says why there is no other."""
        said = (language or self.language).said(message)
        sentence = said[:1].upper() + said[1:]
        message = sentence if sentence.endswith((".", "…")) else f"{sentence}."
        return self.show("refused", status, language, session="", message=message)

    def go_on(self) -> HTMLResponse:
        """A page that leads to the first one."""
        return HTMLResponse(_GO_ON)


def static_files() -> dict[str, tuple[bytes, str]]:
    """Name -> content and type of the files that pages load; nothing else is ever served."""
    found = {}
    for path in sorted((_HERE / "static").iterdir()):
        if path.suffix in _TYPES and path.is_file() and not path.is_symlink():
            found[path.name] = path.read_bytes(), _TYPES[path.suffix]
    return found
