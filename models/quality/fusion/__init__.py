"""Metrics of fused images: against a reference (cc, tmqi), against the sources (mef_ssim, qabf, ...), or neither (sd)."""
