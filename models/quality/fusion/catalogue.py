"""The metrics of fused pictures: their facts, and where their functions are. Neither needs torch."""

from __future__ import annotations

import math

from models.quality.facts import MetricInfo

INFINITE = math.inf

# Facts, and MODULE:FUNCTION of what builds the metric.
FUSION: tuple[tuple[MetricInfo, str], ...] = (
    (
        MetricInfo(
            name="sd",
            higher_is_better=True,
            value_range=(0.0, 127.5),
            needs_reference=False,
            variant="population standard deviation of Y of YIQ rounded to 8 bit, in 8-bit units",
        ),
        "models.quality.fusion.statistics:build_sd",
    ),
    (
        MetricInfo(
            name="cc",
            higher_is_better=True,
            value_range=(-1.0, 1.0),
            needs_reference=True,
            variant="Pearson correlation of Y of YIQ rounded to 8 bit with the reference's",
        ),
        "models.quality.fusion.statistics:build_cc",
    ),
    (
        MetricInfo(
            name="tmqi",
            higher_is_better=True,
            value_range=(0.0, 1.0),
            needs_reference=True,
            variant=(
                "Yeganeh and Wang 2013, the reference's linear luminance stretched to [0, 2^32 - 1] as radiance; Y of"
                " BT.709 in 8-bit units; C1 0.01, C2 10, a 0.8012, alpha 0.3046, beta 0.7088; five scales"
            ),
            min_size=161,
        ),
        "models.quality.fusion.tmqi:build",
    ),
    (
        MetricInfo(
            name="mef_ssim",
            higher_is_better=True,
            value_range=(0.0, 1.0),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "the formula of Ma 2015 (not the authors' released code: that is mef_ms_ssim), three scales (weights "
                "0.0448 0.2856 0.3001 over their sum), uniform window 8, C (0.03 * 255)^2, Y of YIQ in 8-bit units, "
                "not rounded; a scale below 0 counts as 0"
            ),
            min_size=29,
            differentiable=True,
        ),
        "models.quality.fusion.mef_ssim:build",
    ),
    (
        MetricInfo(
            name="qabf",
            higher_is_better=True,
            value_range=(0.0, 1.0),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "Xydeas and Petrovic 2000: Sobel; strength 0.9994 -15 0.5, orientation 0.9879 -22 0.8, L 1; Y of YIQ "
                "rounded to 8 bit; as the public kits (CDDFuse, MEFB): orientation 1 - |d| / (pi/2), borders padded "
                "with 0, an edge of equal strength counts as ratio = strength (more than 1); at most 0.9754"
            ),
            min_size=3,
        ),
        "models.quality.fusion.gradient:build",
    ),
    (
        MetricInfo(
            name="mef_ms_ssim",
            higher_is_better=True,
            value_range=(0.0, 1.0),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "the authors' released code of Ma 2015: three scales (weights 0.0448 0.2856 0.3001 over their sum), "
                "uniform window 11 for the desired patch, Gaussian window 11, sigma 1.5 for the comparison, C (0.03 *"
                " 255)^2, Y of YIQ rounded to 8 bit; a scale below 0 counts as 0"
            ),
            min_size=41,
        ),
        "models.quality.fusion.mef_ms_ssim:build",
    ),
    (
        MetricInfo(
            name="qabf_folded",
            higher_is_better=True,
            value_range=(0.0, 1.0),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "Xydeas and Petrovic 2000: Sobel; strength 0.9994 -15 0.5, orientation 0.9879 -22 0.8, L 1; Y of YIQ "
                "rounded to 8 bit; orientation ||d| - pi/2| / (pi/2), so that angles near 0 and near pi are alike; "
                "edge pixels repeated; at most 0.9748"
            ),
            min_size=3,
        ),
        "models.quality.fusion.gradient:build_folded",
    ),
    (
        MetricInfo(
            name="viff",
            higher_is_better=True,
            value_range=(0.0, INFINITE),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "what fusion papers report as VIFF (CDDFuse's kit): pixel-domain VIF (vifp_mscale, four scales, noise"
                " variance 2) with each source as reference, summed over the sources, a flat source counts as 1; Y of"
                " YIQ rounded to 8 bit; without the choice of source and the weights of scales of Han 2013"
            ),
            min_size=41,
        ),
        "models.quality.fusion.viff:build",
    ),
    (
        MetricInfo(
            name="vif_sources",
            higher_is_better=True,
            value_range=(0.0, INFINITE),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "sum over the sources of VIF with the source as reference (not the papers' VIFF: that is viff); VIF: "
                "vector GSM in steerable pyramids (not the pixel domain), float64, Y of YIQ; 0 for a flat reference"
            ),
            min_size=33,
        ),
        "models.quality.fusion.similarity:build_vif_sources",
    ),
    (
        MetricInfo(
            name="ms_ssim_sources",
            higher_is_better=True,
            value_range=(0.0, 1.0),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "mean over the sources of MS-SSIM; MS-SSIM: Y of YIQ rounded to 8 bit, Gaussian window 11, sigma 1.5,"
                " population covariance, K1 0.01, K2 0.03, valid part, five scales, product; a scale whose mean is "
                "below 0 counts as 0; odd sides 0-padded"
            ),
            min_size=161,
        ),
        "models.quality.fusion.similarity:build_ms_ssim_sources",
    ),
    (
        MetricInfo(
            name="sf",
            higher_is_better=True,
            value_range=(0.0, 361.0),
            needs_reference=False,
            variant=(
                "spatial frequency, 8-bit grey levels of Y of YIQ; means over the differences that there are "
                "(CDDFuse's kit; MEFB's divides by all pixels)"
            ),
            min_size=2,
        ),
        "models.quality.fusion.activity:build_sf",
    ),
    (
        MetricInfo(
            name="ag",
            higher_is_better=True,
            value_range=(0.0, 255.0),
            needs_reference=False,
            variant=(
                "average gradient, 8-bit grey levels of Y of YIQ; central differences, one-sided at borders "
                "(CDDFuse's kit)"
            ),
            min_size=2,
        ),
        "models.quality.fusion.activity:build_ag",
    ),
    (
        MetricInfo(
            name="ei",
            higher_is_better=True,
            value_range=(0.0, 1443.0),
            needs_reference=False,
            variant=(
                "edge intensity: mean Sobel magnitude, 8-bit grey levels of Y of YIQ, borders repeated (MEFB's kit)"
            ),
            min_size=1,
        ),
        "models.quality.fusion.activity:build_ei",
    ),
    (
        MetricInfo(
            name="mi",
            higher_is_better=True,
            value_range=(0.0, INFINITE),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "mutual information with each source, summed, in nats (CDDFuse's kit; others in bits), 256 bins of Y "
                "of YIQ rounded to 8 bit"
            ),
            min_size=1,
        ),
        "models.quality.fusion.information:build_mi",
    ),
    (
        MetricInfo(
            name="nmi",
            higher_is_better=True,
            value_range=(0.0, INFINITE),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "twice the mutual information over the sum of the entropies, summed over the sources (Hossny 2008; "
                "MEFB's kit), 256 bins of Y of YIQ"
            ),
            min_size=1,
        ),
        "models.quality.fusion.information:build_nmi",
    ),
    (
        MetricInfo(
            name="cross_entropy",
            higher_is_better=False,
            value_range=(-INFINITE, INFINITE),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "relative entropy of each source's histogram to the fused one's over the levels that both have, bits, "
                "mean over the sources (MEFB's kit)"
            ),
            min_size=1,
        ),
        "models.quality.fusion.information:build_cross_entropy",
    ),
    (
        MetricInfo(
            name="scd",
            higher_is_better=True,
            value_range=(-INFINITE, INFINITE),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "sum over the sources of the correlation of (fused minus the other source) with the source, Y of YIQ; "
                "NaN where a difference is flat"
            ),
            min_size=1,
        ),
        "models.quality.fusion.similarity:build_scd",
    ),
    (
        MetricInfo(
            name="cc_sources",
            higher_is_better=True,
            value_range=(-1.0, 1.0),
            needs_reference=False,
            needs_sources=True,
            variant=("Pearson correlation of Y of YIQ rounded to 8 bit with each source's, mean over the sources"),
            min_size=1,
        ),
        "models.quality.fusion.similarity:build_cc_sources",
    ),
    (
        MetricInfo(
            name="ssim_sources",
            higher_is_better=True,
            value_range=(-1.0, 1.0),
            needs_reference=False,
            needs_sources=True,
            variant=("ssim with each source, mean over the sources (some kits give the sum)"),
            min_size=11,
        ),
        "models.quality.fusion.similarity:build_ssim_sources",
    ),
    (
        MetricInfo(
            name="psnr_sources",
            higher_is_better=True,
            value_range=(0.0, 100.0),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "Y of YIQ rounded to 8 bit, peak 255 (CDDFuse's kit takes the fused picture's brightest value), of "
                "the mean squared error over the sources, dB"
            ),
            min_size=1,
        ),
        "models.quality.fusion.similarity:build_psnr_sources",
    ),
    (
        MetricInfo(
            name="nabf",
            higher_is_better=False,
            value_range=(0.0, 1.0),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "fusion artifacts, Petrovic and Xydeas 2005 as modified by Shreyamsha Kumar (Evaluation-for-Image-Fusion):"
                " Sobel / 8, edges mirrored; strength 0.9999 19 0.5, orientation 0.9995 22 0.5, L 1.5, threshold 2, least "
                "weight 0.001; Y of YIQ rounded to 8 bit"
            ),
            min_size=3,
        ),
        "models.quality.fusion.nabf:build",
    ),
    (
        MetricInfo(
            name="qw",
            higher_is_better=True,
            value_range=(-1.0, 1.0),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "weighted quality index of Piella and Heijmans 2003 as MEFB's kit gives it: of edge pictures (Prewitt "
                "magnitude, borders padded with 0), SSIM (Gaussian window 11, sigma 1.5, K1 0.01, K2 0.03) in place of the"
                " paper's UQI, variance as saliency; Y of YIQ rounded to 8 bit"
            ),
            min_size=11,
        ),
        "models.quality.fusion.piella:build",
    ),
    (
        MetricInfo(
            name="fmi",
            higher_is_better=True,
            value_range=(0.0, 1.0),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "feature mutual information of Haghighat 2011: gradient magnitude (central differences) of Y of YIQ rounded"
                " to 8 bit, windows of 3 x 3, normalised by both entropies, mean over windows and sources; by the paper, "
                "not compared with the authors' program"
            ),
            min_size=3,
        ),
        "models.quality.fusion.feature_information:build",
    ),
    (
        MetricInfo(
            name="qcb",
            higher_is_better=True,
            value_range=(0.0, 1.0),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "Chen and Blum 2009: sensitivity by a difference of Gaussians (15.3870, 1.3456, 0.7622; a picture fills 15 "
                "degrees), contrast by Gaussians of sigma 2 and 4 (31 x 31, borders padded with 0), masking k 1, h 1, p 3, "
                "q 2, Z 1e-4; Y of YIQ rounded to 8 bit, not stretched"
            ),
            min_size=16,
        ),
        "models.quality.fusion.seen:build_qcb",
    ),
    (
        MetricInfo(
            name="qcv",
            higher_is_better=False,
            value_range=(0.0, INFINITE),
            needs_reference=False,
            needs_sources=True,
            variant=(
                "Chen and Varshney 2007: sensitivity of Mannos and Sakrison (0.114; some programs have 0.144; a picture fills 4"
                " degrees), blocks of 16 (incomplete ones count with their pixels), weighted by the sum of the Sobel magnitude"
                " (borders padded with 0); Y of YIQ rounded to 8 bit"
            ),
            min_size=16,
        ),
        "models.quality.fusion.seen:build_qcv",
    ),
)
