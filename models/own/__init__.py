"""A user's own models, wherever a model is named: `module:function`, an entry point, a TorchScript or an ONNX file.

What finds them needs no torch; `models.own.adapters` makes enhancers of them.
"""

from models.own.errors import OwnModelError
from models.own.references import faults_of_options, is_own, known_names, locate

__all__ = ["OwnModelError", "faults_of_options", "is_own", "known_names", "locate"]
