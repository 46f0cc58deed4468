"""What weights were trained on, in words, as their tags tell it."""

from __future__ import annotations

import re

# Pieces of timm's tags and what they say; where two fit at one place, the longer does.
_STAGES = {
    "fb_ssl_yfcc100m": "YFCC-100M (semi-supervised)",
    "fb_swsl_ig1b": "Instagram-1B (semi-weakly supervised)",
    "fb_wsl_ig1b": "Instagram-1B (hashtags)",
    "ns_jft_in1k": "JFT-300M and ImageNet-1k (noisy student)",
    "swag": "Instagram-3.6B (hashtags, SWAG)",
    "seer": "Instagram-1B (self-supervised, SEER)",
    "mae_in1k": "ImageNet-1k (MAE)",
    "mae": "ImageNet-1k (MAE)",
    "fcmae": "ImageNet-1k (FCMAE)",
    "fb_dino": "ImageNet-1k (DINO)",
    "dino": "ImageNet-1k (DINO)",
    "in1k_ijepa": "ImageNet-1k (I-JEPA)",
    "in22k_ijepa": "ImageNet-22k (I-JEPA)",
    "mim_in22k": "ImageNet-22k (masked images)",
    "mim_m38m": "Merged-38M (masked images)",
    "m30m": "Merged-30M (masked images)",
    "in1k": "ImageNet-1k",
    "in12k": "ImageNet-12k",
    "in21k": "ImageNet-21k",
    "inw21k": "ImageNet-21k (winter 2021)",
    "in22k": "ImageNet-22k",
    "bamboo": "Bamboo",
    "sa1b": "SA-1B (segmentation)",
    "fb_r896": "SA-V (segmentation, SAM 2)",
    "fb_r896_2pt1": "SA-V (segmentation, SAM 2.1)",
    "fb_r1024": "SA-V (segmentation, SAM 2)",
    "fb_r1024_2pt1": "SA-V (segmentation, SAM 2.1)",
    "laion2b": "LAION-2B (CLIP)",
    "laion400m": "LAION-400M (CLIP)",
    "laiona": "LAION-Aesthetic (CLIP)",
    "openai": "OpenAI's 400M pairs (CLIP)",
    "merged2b": "Merged-2B (CLIP)",
    "datacompxl": "DataComp-1B (CLIP)",
    "datacomp1b": "DataComp-1B (CLIP)",
    "metaclip_400m": "MetaCLIP-400M (CLIP)",
    "metaclip_2pt5b": "MetaCLIP-2.5B (CLIP)",
    "metaclip_altogether": "MetaCLIP, Altogether captions (CLIP)",
    "metaclip2_worldwide": "MetaCLIP 2 worldwide (CLIP)",
    "dfn2b": "DFN-2B (CLIP)",
    "dfn5b": "DFN-5B (CLIP)",
    "dfndr2b": "DFNDR-2B (MobileCLIP2)",
    "apple_mclip": "DataCompDR-1B (MobileCLIP)",
    "yfcc15m": "YFCC-15M (CLIP)",
    "cc12m": "CC-12M (CLIP)",
    "webli": "WebLI (SigLIP)",
    "v2_webli": "WebLI (SigLIP 2)",
    "webli_i18n": "WebLI, many languages (SigLIP)",
    "pali": "WebLI (PaliGemma)",
    "pali2_3b": "WebLI (PaliGemma 2)",
    "pali2_10b": "WebLI (PaliGemma 2)",
    "lvd142m": "LVD-142M (DINOv2)",
    "eupe_lvd1689m": "LVD-1689M (distilled, EUPE)",
    "lvd1689m": "LVD-1689M (DINOv3)",
    "sat493m": "SAT-493M (satellite, DINOv3)",
    "c_radio": "distilled from foundation models (RADIO)",
    "ogvl": "image-text pairs (InternVL)",
    "msft_florence2": "FLD-5B (Florence-2)",
    "gemma3n": "image-text pairs (Gemma 3n)",
    "gemma4": "image-text pairs (Gemma 4)",
    "qwen3": "image-text pairs (Qwen3)",
    "qwen_drive": "image-text pairs (Qwen-Drive)",
    "deepseek": "image-text pairs (DeepSeek)",
}
# Where the tag names the owner only, the architecture tells.
_OF_ARCHITECTURE = {
    "aimv2_": "2 billion image-text pairs (AIMv2)",
    "beit3_": "images and texts (BEiT-3)",
    "vit_pe_": "image-text pairs (Perception Encoder)",
    r"vit_.*sapiens2": "photos of people (Sapiens2)",
    r"vit_.*lingbot": "LingBot-Vision",
    r"vit_.*tipsv2": "WebLI (TIPSv2)",
    r"hieradet_|sam2_": "SA-V (segmentation, SAM 2)",
    r"deit|cait_|pit_|levit": "ImageNet-1k",
}
_LONGEST_FIRST = "|".join(sorted(_STAGES, key=len, reverse=True))
_PIECE = re.compile(rf"(?<![a-z0-9])({_LONGEST_FIRST})(?![a-z0-9])")


def of_tag(architecture: str, tag: str) -> str:
    """Data sets of a timm tag in the order in which they were used; empty where it tells none.

    Examples
    --------
    >>> of_tag("convnext_base", "clip_laion2b_augreg_ft_in12k_in1k")
    'LAION-2B (CLIP), then ImageNet-12k, then ImageNet-1k'
    """
    if not tag:
        return ""
    stages = [_STAGES[piece] for piece in _PIECE.findall(tag)]
    if not stages:
        fits = (words for start, words in _OF_ARCHITECTURE.items() if re.match(start, architecture))
        stages = list(fits)[:1]
    return ", then ".join(dict.fromkeys(stages))


def of_torchvision(entry: str) -> str:
    """The same for an entry of torchvision's weights."""
    if "SWAG" not in entry:
        return "ImageNet-1k"
    return f"{_STAGES['swag']}, then ImageNet-1k"
