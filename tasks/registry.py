"""The kinds of pictures there are. A new one is a module and a line here."""

from __future__ import annotations

# name -> the module whose KIND says what it is.
KINDS = {
    "low_light": "tasks.low_light.kind",
    "brackets": "tasks.brackets.kind",
    "thermal": "tasks.thermal.kind",
}
