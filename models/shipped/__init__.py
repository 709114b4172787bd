"""Small weights that are part of the package, so that pictures come out before anything was trained; and what made them.

Each is remade by `python -m RECIPE`. docs/shipped.md has what they were measured at.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.core.storage import WeightsError
from pictures import sha256_file

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Shipped:
    """A network with its weights. name, options: as it is registered. recipe: the module that makes the weights.

    measured: what they reach, in a line.
    """

    name: str
    file: str
    sha256: str
    recipe: str
    measured: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The weights. Raises `WeightsError` where they are not those that were shipped."""
        path = FOLDER / self.file
        if not path.is_file() or sha256_file(path) != self.sha256:
            raise WeightsError(
                f"{path} is missing or was changed; install Loupe anew, or `python -m {self.recipe}` makes it"
            )
        return path

    @property
    def options_text(self) -> str:
        """The options as JSON."""
        return json.dumps(self.options, sort_keys=True)


SHIPPED: dict[str, Shipped] = {
    ours.name: ours
    for ours in (
        Shipped(
            "local_tone",
            "local_tone.safetensors",
            "6c212b34204a22e7a4ac6845626395f84337f7f8960c88c3ca78c3df32b35129",
            "tasks.shipping.enhancer",
            "NIQE 3.94 on DICM (4.25 before), 4.18 on LIME (4.56); docs/shipped.md",
            {"width": 16},
        ),
        Shipped(
            "learned_pyramid",
            "learned_pyramid.safetensors",
            "68af401645908fcebd5a5bc84047891cee8314ca5e8ccb344d40105858ccea13",
            "tasks.shipping.fuser",
            "MEF-SSIM 0.979 on mefb (Mertens 0.975); docs/shipped.md",
            {"width": 12},
        ),
    )
}
"""By the name of the network; what kind of pictures comes with which says `tasks.kinds.base.Kind.comes_with`."""
