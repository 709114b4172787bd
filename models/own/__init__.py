"""A user's own models, wherever a model is named: `module:function`, an entry point, a TorchScript or an ONNX file.

What finds them needs no torch; the modules beside it make enhancers, fusers, judges and
metrics of them.
"""

from models.own.errors import OwnModelError
from models.own.references import faults_of_options, is_own, known_names, locate, shadowed

__all__ = ["OwnModelError", "faults_of_options", "is_own", "known_names", "locate", "shadowed"]
