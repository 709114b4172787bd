"""Shows the metrics that stages write as tables in Prefect: one a round, one for the evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import create_table_artifact

from flows.graph import StageNode
from labelling.desk.project import project_id, slug
from pictures import FileFault, read_json


class MetricTables:
    """Gathers the metrics files of finished stages; publishes a table when the last stage of its group is done.

    Its key has the project's id: on a server that several share, each keeps a history of its own.
    """

    def __init__(self, root: Path, plan: list[StageNode]) -> None:
        self._root = root
        self._project = project_id(root)
        self._nodes = {node.name: node for node in plan if node.metrics}
        self._open: dict[str, set[str]] = {}
        self._done: dict[str, list[str]] = {}
        for name in self._nodes:
            self._open.setdefault(self._key(name), set()).add(name)

    def stage_done(self, name: str) -> None:
        """Takes up the metrics of stage `name`, if it declares any."""
        if name not in self._nodes:
            return
        key = self._key(name)
        self._done.setdefault(key, []).append(name)
        self._open[key].discard(name)
        if not self._open[key]:
            self._publish(key)

    def publish_the_rest(self) -> None:
        """Publishes what is there of rounds that a gate or an error cut short."""
        for key in list(self._done):
            self._publish(key)

    def _key(self, name: str) -> str:
        node = self._nodes[name]
        return f"{slug(f'round-{node.round}' if node.round else name)}-{self._project}"

    def _publish(self, key: str) -> None:
        names = self._done.pop(key)
        rows = [row for name in names for path in self._nodes[name].metrics for row in self._rows(name, path)]
        if rows:
            create_table_artifact(table=rows, key=key, description=f"Metrics of {', '.join(names)}")

    def _rows(self, stage: str, path: Path) -> list[dict[str, Any]]:
        try:
            values = flatten(read_json(path))
        except FileFault as error:
            get_run_logger().warning("metrics of stage %s are not shown: %s", stage, error)
            return []
        return [{"stage": stage, "metric": name, "value": value} for name, value in values.items()]


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested JSON as one level: {"a": {"b": 1}, "c": [2]} -> {"a.b": 1, "c.0": 2}."""
    if isinstance(value, dict):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, item in items:
        flat |= flatten(item, f"{prefix}.{key}" if prefix else key)
    return flat
