"""Detectors and segmentation networks: YOLOX's form, torchvision's, ONNX files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torchvision
from onnx import TensorProto, helper
from safetensors.torch import save_file
from skimage import data

from models.downstream import Classes, Detector, DownstreamError, detector, segmentation_network, zoo
from models.downstream.yolox import decode, letterbox, places
from models.weights import cache_folder

CLASSES = Classes(("person", "car"))
SSD, LRASPP = "ssdlite320_mobilenet_v3_large", "lraspp_mobilenet_v3_large"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_letterbox_keeps_the_shape_and_is_blue_first() -> None:
    picture = np.zeros((50, 100, 3), np.uint8)
    picture[..., 0] = 200
    prepared, scale = letterbox(picture, 64)
    assert scale == pytest.approx(0.64) and prepared.shape == (1, 3, 64, 64) and prepared.dtype == np.float32
    assert (prepared[0, :, :32] == np.array([0, 0, 200])[:, None, None]).all()
    assert (prepared[0, :, 32:] == 114).all()


def test_outputs_are_decoded_at_their_place_and_doubles_are_dropped() -> None:
    grid, strides = places(64)
    assert len(grid) == 64 + 16 + 4
    raw = np.zeros((84, 7), np.float32)
    raw[64 + 5] = [0.5, 0.25, np.log(2), np.log(1), 0.9, 0.1, 0.8]  # row 1, column 1 of stride 16
    raw[64 + 6] = [-0.5, 0.25, np.log(2), np.log(1), 0.5, 0.1, 0.8]  # the same box from the place beside, less sure
    raw[64 + 9] = [0.5, -0.75, np.log(2), np.log(1), 0.5, 0.8, 0.1]  # the same box, another class: it stays
    corners, scores, classes = decode(raw, grid, strides)
    assert np.allclose(corners, [[8, 12, 40, 28]] * 2)  # middle (1.5, 1.25) x 16, sides (2, 1) x 16
    assert np.allclose(scores, [0.72, 0.4]) and classes.tolist() == [1, 0]


def onnx_file(path: str, output: np.ndarray, shape: list[Any], given: list[Any] | None = None) -> None:
    """A network that gives the same whatever it is shown: a constant, plus nothing of the picture."""
    constant = helper.make_tensor("constant", TensorProto.FLOAT, output.shape, output.astype(np.float32).ravel())
    nothing = helper.make_tensor("nothing", TensorProto.FLOAT, (), [0.0])
    nodes = [
        helper.make_node("ReduceMax", ["picture"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "nothing"], ["zero"]),
        helper.make_node("Add", ["constant", "zero"], ["made"]),
    ]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("made", TensorProto.FLOAT, given or list(output.shape))],
        [constant, nothing],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def test_an_onnx_file_of_yoloxs_form(here: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    raw = np.zeros((1, 84, 7), np.float32)
    raw[0, 64 + 5] = [0.5, 0.25, np.log(2), np.log(1), 0.9, 0.1, 0.8]
    onnx_file("net.onnx", raw, [1, 3, 64, 64])
    network = detector("net.onnx", CLASSES)
    seen = network.detect(np.zeros((64, 128, 3), np.uint8))  # shown at half its size
    assert network.classes == CLASSES.names and seen.classes.tolist() == [1]
    assert np.allclose(seen.corners, [[16 / 128, 24 / 64, 80 / 128, 56 / 64]]) and np.allclose(seen.scores, 0.72)
    with pytest.raises(DownstreamError, match="knows 2 classes, and the labels have 1"):
        detector("net.onnx", Classes(("person",)))
    with pytest.raises(DownstreamError, match="has its weights in it"):
        detector("net.onnx", CLASSES, Path("x.pth"))
    onnx_file("other.onnx", raw[:, :80], [1, 3, 64, 64])
    with pytest.raises(
        DownstreamError, match=r"gives \[1, 80, 7\]; of YOLOX's form, not decoded, would be \(1, 84, 5 \+"
    ):
        detector("other.onnx", CLASSES)
    onnx_file("free.onnx", raw, [1, 3, "height", "width"])
    with pytest.raises(DownstreamError, match=r"a YOLOX detector takes one \(1, 3, S, S\)"):
        detector("free.onnx", CLASSES)


@pytest.mark.parametrize("shape", [[1, 3, 8, 16], [1, 3, "height", "width"]])
def test_an_onnx_file_with_logits(here: Path, shape: list[Any]) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    logits = np.zeros((1, 2, 4, 8))
    logits[0, 0], logits[0, 1, :, 4:] = 0.5, 1
    onnx_file("net.onnx", logits, shape)
    network = segmentation_network("net.onnx", CLASSES, values="unit")
    found = network.segment(np.zeros((40, 80, 3), np.uint8))
    assert found.shape == (40, 80) and (found[:, :40] == 0).all() and (found[:, 40:] == 1).all()
    with pytest.raises(DownstreamError, match="knows 2 classes, and the labels have 3"):
        segmentation_network("net.onnx", Classes(("a", "b", "c")))
    onnx_file("flat.onnx", logits[0], shape)
    with pytest.raises(DownstreamError, match=r"gives \(2, 4, 8\); a segmentation network gives logits"):
        segmentation_network("flat.onnx", CLASSES)


def test_a_detection_network_of_torchvisions_with_weights_of_ones_own(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    made = torchvision.models.get_model(SSD, weights=None, weights_backbone=None, num_classes=3).eval()
    save_file(made.state_dict(), "own.safetensors")
    torch.save(made.state_dict(), "own.pth")
    picture = data.astronaut()[:160, :240]
    with torch.no_grad():
        expected = made([torch.from_numpy(picture.copy()).permute(2, 0, 1) / 255])[0]
    for file in ("own.safetensors", "own.pth"):
        network = detector(f"torchvision:{SSD}", CLASSES, Path(file))
        seen = network.detect(picture)
        assert network.classes == ("__background__", "person", "car")
        assert np.allclose(seen.corners * (240, 160, 240, 160), expected["boxes"], atol=1e-3)
        assert seen.classes.tolist() == expected["labels"].tolist()
    with pytest.raises(DownstreamError, match=f"own.pth does not fit {SSD}, of 4 classes: .* of 91 classes"):
        detector(f"torchvision:{SSD}", Classes(("a", "b", "c")), Path("own.pth"))
    monkeypatch.setattr(zoo, "NO_EPSILON", (SSD,))
    frozen = {key: value for key, value in made.state_dict().items() if not key.endswith("num_batches_tracked")}
    save_file(frozen, "frozen.safetensors")
    for file, epsilon in (("frozen", {0.0}), ("own", {0.001})):
        network = zoo.zoo_detector(SSD, CLASSES.names, Path(f"{file}.safetensors"))
        parts = network._network.modules()
        assert {part.eps for part in parts if isinstance(part, torch.nn.BatchNorm2d)} == epsilon


def test_a_segmentation_network_of_torchvisions_with_weights_of_ones_own(here: Path) -> None:
    torch.manual_seed(0)
    made = torchvision.models.get_model(LRASPP, weights=None, weights_backbone=None, num_classes=2).eval()
    torch.save(made.state_dict(), "own.pth")
    picture = data.astronaut()[:128, :160]
    network = segmentation_network(f"torchvision:{LRASPP}", CLASSES, Path("own.pth"))
    shown = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 255
    mean, deviation = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        expected = made((shown - mean) / deviation)["out"].argmax(1)[0].numpy()
    assert (network.segment(picture) == expected).all()
    theirs = torchvision.models.get_model(LRASPP, weights=None, weights_backbone=None, num_classes=21)
    torch.save(theirs.state_dict(), "voc.pth")
    network = segmentation_network(f"torchvision:{LRASPP}", CLASSES, Path("voc.pth"))
    assert network.classes[15] == "person" and network.segment(picture).shape == (128, 160)


def test_weights_of_torchvisions_in_its_cache_are_used_offline(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOUPE_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(here))
    made = torchvision.models.get_model(LRASPP, weights=None, weights_backbone=None, num_classes=21)
    file = Path(torchvision.models.get_model_weights(LRASPP).DEFAULT.url).name
    Path("hub/checkpoints").mkdir(parents=True)
    torch.save(made.state_dict(), f"hub/checkpoints/{file}")
    network = segmentation_network(f"torchvision:{LRASPP}", CLASSES)
    assert network.classes[15] == "person" and network.segment(data.astronaut()[:64, :90]).shape == (64, 90)


def test_what_cannot_be_had_says_what_could(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOUPE_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(here))
    with pytest.raises(
        DownstreamError, match=r"could not be had .*ssdlite320.*\.pth elsewhere and put it there as .*--weights"
    ):
        detector(f"torchvision:{SSD}", CLASSES)
    with pytest.raises(DownstreamError, match="torchvision has no detector 'resnet18'; it has fasterrcnn"):
        detector("torchvision:resnet18", CLASSES)
    with pytest.raises(
        DownstreamError, match=r"no detector is called .yolo.; there are yolox_nano, torchvision:NAME, FILE\.onnx"
    ):
        detector("yolo", CLASSES)
    with pytest.raises(DownstreamError, match="there is no such file"):
        segmentation_network("absent.onnx", CLASSES)
    with pytest.raises(DownstreamError, match=r"there are no weights absent\.pth"):
        segmentation_network(f"torchvision:{LRASPP}", CLASSES, Path("absent.pth"))
    Path("broken.pth").write_bytes(b"nothing")
    with pytest.raises(DownstreamError, match=r"broken\.pth cannot be read as weights"):
        segmentation_network(f"torchvision:{LRASPP}", CLASSES, Path("broken.pth"))


@pytest.fixture
def yolox_nano() -> Detector:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'loupe[onnx]'")
    if not (cache_folder() / "yolox_nano.onnx").is_file():
        pytest.skip("yolox_nano is not in the cache of weights: `loupe weights yolox_nano` fetches it")
    return detector("yolox_nano", CLASSES)


def test_yolox_nano_sees_what_is_there(yolox_nano: Detector) -> None:
    """Boxes drawn by hand around the astronaut and the cat; scores of an overlap over 0.7 prove preprocessing and decoding."""
    assert (
        len(yolox_nano.classes) == 80 and yolox_nano.classes[0] == "person" and yolox_nano.classes[-1] == "toothbrush"
    )
    for picture, name, drawn in (
        (data.astronaut(), "person", (0, 0, 0.86, 1)),
        (data.chelsea(), "cat", (0.12, 0, 1, 1)),
    ):
        seen = yolox_nano.detect(picture)
        best = seen.scores.argmax()
        assert yolox_nano.classes[seen.classes[best]] == name and seen.scores[best] > 0.5
        found, true = torch.from_numpy(seen.corners[best][None]), torch.tensor([drawn], dtype=torch.float64)
        assert float(torchvision.ops.box_iou(found, true)) > 0.7
