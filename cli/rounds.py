"""`loupe rounds`: one more round of a kind, as lines of params.yaml."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The labelled rounds of params.yaml.", no_args_is_help=True)


@app.command()
def add(
    kind: Annotated[str, typer.Argument(help="A kind of pictures that `kinds` of params.yaml names")],
    count: Annotated[int, typer.Option(min=1, max=20, help="How many")] = 1,
) -> None:
    """Write what a further round of a kind needs into params.yaml; all that is there stays as it is."""
    from tasks.config import PARAMS_FILE

    print(add_rounds(kind, count, PARAMS_FILE))


def add_rounds(kind: str, count: int, path: Path) -> str:
    """Add rounds of a kind to a params.yaml, comments and order kept; returns what was done.

    The new ones compare what the last one does. Raises `ConfigError`: a file that is faulty, before or with them.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    from pictures import atomic_path
    from tasks.config import ConfigError, load_whole, validate

    params = load_whole(path)
    if kind not in params.kinds:
        raise ConfigError(f"`kinds` of {path} does not name {kind!r}; it names {', '.join(params.kinds)}")
    yaml = YAML(typ="rt")
    yaml.width, yaml.preserve_quotes = 1000, True
    yaml.representer.add_representer(
        type(None), lambda made, _: made.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    text = path.read_text(encoding="utf-8")
    values = yaml.load(text)
    names = []
    for _ in range(count):
        last = f"r{values['kinds'][kind]['rounds']:02d}"
        number = values["kinds"][kind]["rounds"] + 1
        key = f"{kind}-r{number:02d}"
        entry = CommentedMap(values["rounds"][f"{kind}-{last}"])
        entry.update({"round": f"r{number:02d}", "prev": last, "label_rev": 0})
        entry.fa.set_flow_style()
        values["rounds"].insert(list(values["rounds"]).index(f"{kind}-{last}") + 1, key, entry)
        values["kinds"][kind]["rounds"] = number
        names.append(key)
    written = io.StringIO()
    yaml.dump(values, written)
    validate(YAML(typ="safe", pure=True).load(written.getvalue()), path)
    with atomic_path(path) as temporary:
        temporary.write_text(written.getvalue(), encoding="utf-8")
    return f"{path} has {', '.join(names)} now; `dvc repro report@{kind}` runs them"
