"""Families of architectures: what people call them, of which kind they are, and their paper.

The papers are those that the sources of timm and torchvision name (InternViT's alone is not from
there). The first pattern that begins an architecture's name wins.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Family(NamedTuple):
    """A family, its kind, and the arXiv number of its paper (or its year, where it has none)."""

    name: str
    kind: str
    paper: str = ""
    year: int | None = None


CNN, ViT, HYBRID, MLP = "cnn", "transformer", "hybrid", "mlp"

_FAMILIES = {
    # Transformers that carry the name of what they were trained with.
    r"(vit|naflexvit)_.*radio_v3": Family("RADIO", ViT, "2412.07679"),
    r"(vit|naflexvit)_.*radio_v4": Family("RADIO", ViT, "2601.17237"),
    r"naflexvit_.*siglip": Family("SigLIP", ViT, "2502.14786"),
    r"naflexvit_": Family("NaFlexViT", ViT, "2307.06304"),
    r"vit_.*dinov3": Family("DINOv3", ViT, "2508.10104"),
    r"vit_.*dinov2": Family("DINOv2", ViT, "2304.07193"),
    r"vit_.*sapiens2": Family("Sapiens2", ViT, "2604.21681"),
    r"vit_.*lingbot": Family("LingBot", ViT, "2607.05247"),
    r"vit_.*tipsv2": Family("TIPSv2", ViT, "2604.12012"),
    r"vit_pe_": Family("Perception Encoder", ViT, "2504.13181"),
    r"vit_.*siglip": Family("SigLIP", ViT, "2303.15343"),
    r"vit_.*_mci_": Family("MobileCLIP", HYBRID, "2311.17049"),
    r"fastvit_mci": Family("MobileCLIP", HYBRID, "2311.17049"),
    r"vit_.*clip": Family("CLIP", ViT, "2103.00020"),
    r"resnet\d+(x\d+)?_clip": Family("CLIP", CNN, "2103.00020"),
    r"vit_intern": Family("InternViT", ViT, "2312.14238"),
    r"vit_.*_rope_": Family("ViT", ViT, "2403.13298"),
    r"vit_.*_(18x2|36x1)_": Family("ViT", ViT, "2203.09795"),
    r"vit_so\d+m": Family("SoViT", ViT, "2305.13035"),
    r"vit_\w+?_(r\d+|r|resnet\d+d)_": Family("ViT", HYBRID, "2010.11929"),
    r"vit_": Family("ViT", ViT, "2010.11929"),
    r"aimv2_": Family("AIMv2", ViT, "2411.14402"),
    r"beit3_": Family("BEiT", ViT, "2208.10442"),
    r"beitv2_": Family("BEiT", ViT, "2208.06366"),
    r"beit_": Family("BEiT", ViT, "2106.08254"),
    r"cait_": Family("CaiT", ViT, "2103.17239"),
    r"convit_": Family("ConViT", ViT, "2103.10697"),
    r"crossvit_": Family("CrossViT", ViT, "2103.14899"),
    r"davit_": Family("DaViT", ViT, "2204.03645"),
    r"deepseek_vit": Family("DeepSeek ViT", ViT, "2609.19969"),
    r"deit3_": Family("DeiT", ViT, "2204.07118"),
    r"deit_": Family("DeiT", ViT, "2012.12877"),
    r"eva02_": Family("EVA", ViT, "2303.11331"),
    r"eva_": Family("EVA", ViT, "2211.07636"),
    r"flexivit_": Family("FlexiViT", ViT, "2212.08013"),
    r"gemma4_vit": Family("Gemma ViT", ViT, "2607.02770"),
    r"hieradet_|sam2_hiera": Family("SAM 2", ViT, "2408.00714"),
    r"hiera_": Family("Hiera", ViT, "2306.00989"),
    r"mvitv2_": Family("MViT", ViT, "2112.01526"),
    r"nest_": Family("NesT", ViT, "2105.12723"),
    r"pit_": Family("PiT", ViT, "2103.16302"),
    r"pvt_v2": Family("PVT", ViT, "2106.13797"),
    r"qwen3_vit": Family("Qwen ViT", ViT, "2511.21631"),
    r"samvit_": Family("SAM", ViT, "2304.02643"),
    r"swin_s3": Family("Swin", ViT, "2111.14725"),
    r"swinv2|swin_v2": Family("Swin", ViT, "2111.09883"),
    r"swin_": Family("Swin", ViT, "2103.14030"),
    r"tnt_": Family("TNT", ViT, "2103.00112"),
    r"twins_": Family("Twins", ViT, "2104.13840"),
    r"volo_": Family("VOLO", ViT, "2106.13112"),
    r"xcit_": Family("XCiT", ViT, "2106.09681"),
    # Convolution and attention (or another mixer of tokens) in one network.
    r"(eca_|se)?botnet|eca_botnext|(halo2|lamhalo)botnet": Family("BoTNet", HYBRID, "2101.11605"),
    r"halonet|eca_halonext|sehalonet|haloregnetz": Family("HaloNet", HYBRID, "2103.12731"),
    r"lambda_": Family("LambdaNet", HYBRID, "2102.08602"),
    r"caformer_": Family("CAFormer", HYBRID, "2210.13452"),
    r"coatnet_|coatnext_": Family("CoAtNet", HYBRID, "2106.04803"),
    r"coat_": Family("CoaT", HYBRID, "2104.06399"),
    r"cpubone_": Family("CPUBone", HYBRID, "2603.26425"),
    r"csatv2": Family("CSAT", HYBRID, year=2025),
    r"edgenext_": Family("EdgeNeXt", HYBRID, "2206.10589"),
    r"efficientformerv2_": Family("EfficientFormer", HYBRID, "2212.08059"),
    r"efficientformer_": Family("EfficientFormer", HYBRID, "2206.01191"),
    r"efficientvim_": Family("EfficientViM", HYBRID, "2411.15241"),
    r"efficientvit_m\d": Family("EfficientViT (MSRA)", HYBRID, "2305.07027"),
    r"efficientvit_": Family("EfficientViT (MIT)", HYBRID, "2205.14756"),
    r"fastvit_": Family("FastViT", HYBRID, "2303.14189"),
    r"gcvit_": Family("GCViT", HYBRID, "2206.09959"),
    r"iformer_": Family("iFormer", HYBRID, "2501.15369"),
    r"levit_": Family("LeViT", HYBRID, "2104.01136"),
    r"lowformer_e": Family("LowFormer", HYBRID, "2603.26551"),
    r"lowformer_": Family("LowFormer", HYBRID, "2409.03460"),
    r"maxvit|maxxvit": Family("MaxViT", HYBRID, "2204.01697"),
    r"mobilenetv4_hybrid|mobilenetv5": Family("MobileNet", HYBRID, "2404.10518"),
    r"mobilevitv2_": Family("MobileViT", HYBRID, "2206.02680"),
    r"mobilevit_": Family("MobileViT", HYBRID, "2110.02178"),
    r"nextvit_": Family("Next-ViT", HYBRID, "2207.05501"),
    r"sequencer2d_": Family("Sequencer", HYBRID, "2205.01972"),
    r"shvit_": Family("SHViT", HYBRID, "2401.16456"),
    r"swiftformer_": Family("SwiftFormer", HYBRID, "2303.15446"),
    r"tiny_vit": Family("TinyViT", HYBRID, "2207.10666"),
    r"visformer_": Family("Visformer", HYBRID, "2104.12533"),
    r"vitamin_": Family("ViTamin", HYBRID, "2404.02132"),
    # Neither convolution nor attention.
    r"gmixer_|mixer_": Family("MLP-Mixer", MLP, "2105.01601"),
    r"gmlp_": Family("gMLP", MLP, "2105.08050"),
    r"resmlp_": Family("ResMLP", MLP, "2105.03404"),
    r"poolformerv2_": Family("PoolFormer", MLP, "2210.13452"),
    r"poolformer_": Family("PoolFormer", MLP, "2111.11418"),
    # Convolution throughout.
    r"alexnet": Family("AlexNet", CNN, "1404.5997"),
    r"convformer_": Family("ConvFormer", CNN, "2210.13452"),
    r"convmixer_": Family("ConvMixer", CNN, "2201.09792"),
    r"convnextv2_": Family("ConvNeXt", CNN, "2301.00808"),
    r"convnext": Family("ConvNeXt", CNN, "2201.03545"),
    r"cspnext_": Family("CSPNeXt", CNN, "2212.07784"),
    r"darknet53|darknet17|darknet21|darknetaa53|sedarknet21": Family("DarkNet", CNN, "1804.02767"),
    r"cs": Family("CSPNet", CNN, "1911.11929"),
    r"densenet": Family("DenseNet", CNN, "1608.06993"),
    r"dla\d": Family("DLA", CNN, "1707.06484"),
    r"dpn\d": Family("DPN", CNN, "1707.01629"),
    r"(dm_|eca_)?nfnet": Family("NFNet", CNN, "2102.06171"),
    r"nf_": Family("NF-ResNet", CNN, "2101.08692"),
    r"e[cs][ea]_vovnet|ese_": Family("VoVNet", CNN, "1911.06667"),
    r"vovnet": Family("VoVNet", CNN, "1904.09730"),
    r"(tf_|gc_)?efficientnet_?v2": Family("EfficientNet", CNN, "2104.00298"),
    r"(tf_)?efficientnet_cc": Family("EfficientNet", CNN, "1904.04971"),
    r"(tf_)?efficientnet": Family("EfficientNet", CNN, "1905.11946"),
    r"fasternet_": Family("FasterNet", CNN, "2303.03667"),
    r"fbnetc": Family("FBNet", CNN, "1812.03443"),
    r"fbnetv3": Family("FBNet", CNN, "2006.02049"),
    r"focalnet_": Family("FocalNet", CNN, "2203.11926"),
    r"gernet_": Family("GENet", CNN, "2006.14090"),
    r"ghostnetv3": Family("GhostNet", CNN, "2404.11202"),
    r"ghostnetv2": Family("GhostNet", CNN, "2211.12905"),
    r"ghostnet_": Family("GhostNet", CNN, "1911.11907"),
    r"googlenet": Family("GoogLeNet", CNN, "1409.4842"),
    r"hardcorenas_": Family("HardCoRe-NAS", CNN, "2102.11646"),
    r"hgnetv2": Family("PP-HGNet", CNN, year=2023),
    r"hgnet_": Family("PP-HGNet", CNN, year=2022),
    r"hrnet_": Family("HRNet", CNN, "1908.07919"),
    r"inception_next": Family("InceptionNeXt", CNN, "2303.16900"),
    r"inception_v3": Family("Inception", CNN, "1512.00567"),
    r"inception_": Family("Inception", CNN, "1602.07261"),
    r"lcnetv2": Family("PP-LCNet", CNN, year=2022),
    r"lcnet_": Family("PP-LCNet", CNN, "2109.15099"),
    r"mambaout": Family("MambaOut", CNN, "2405.07992"),
    r"(tf_)?mixnet_": Family("MixNet", CNN, "1907.09595"),
    r"(se)?mnasnet": Family("MnasNet", CNN, "1807.11626"),
    r"mobilenet_?v1": Family("MobileNet", CNN, "1704.04861"),
    r"mobilenet_?v2": Family("MobileNet", CNN, "1801.04381"),
    r"mobilenetv4": Family("MobileNet", CNN, "2404.10518"),
    r"(tf_)?mobilenet": Family("MobileNet", CNN, "1905.02244"),
    r"mobileone_": Family("MobileOne", CNN, "2206.04040"),
    r"nasnet": Family("NASNet", CNN, "1707.07012"),
    r"pnasnet": Family("PNASNet", CNN, "1712.00559"),
    r"rdnet_": Family("RDNet", CNN, "2403.19588"),
    r"regnetz_": Family("RegNet", CNN, "2103.06877"),
    r"regnet": Family("RegNet", CNN, "2003.13678"),
    r"repghostnet": Family("RepGhostNet", CNN, "2211.06088"),
    r"repvgg_": Family("RepVGG", CNN, "2101.03697"),
    r"repvit_": Family("RepViT", CNN, "2307.09283"),
    r"res2n": Family("Res2Net", CNN, "1904.01169"),
    r"resnest": Family("ResNeSt", CNN, "2004.08955"),
    r"resnetv2_.*bit": Family("BiT", CNN, "1912.11370"),
    r"resnetv2": Family("ResNet", CNN, "1603.05027"),
    r"resnetrs": Family("ResNet", CNN, "2103.07579"),
    r"rexnet": Family("ReXNet", CNN, "2007.00992"),
    r"selecsls": Family("SelecSLS", CNN, "1907.00837"),
    r"(legacy_)?(senet|seresne)": Family("SENet", CNN, "1709.01507"),
    r"shufflenet": Family("ShuffleNet", CNN, "1807.11164"),
    r"skresne": Family("SKNet", CNN, "1903.06586"),
    r"spnasnet": Family("Single-Path NAS", CNN, "1904.02877"),
    r"squeezenet": Family("SqueezeNet", CNN, "1602.07360"),
    r"starnet_": Family("StarNet", CNN, "2403.19967"),
    r"tinynet": Family("TinyNet", CNN, "2010.14819"),
    r"tresnet": Family("TResNet", CNN, "2003.13630"),
    r"vgg": Family("VGG", CNN, "1409.1556"),
    r"wide_resnet": Family("Wide ResNet", CNN, "1605.07146"),
    r"(legacy_)?xception$": Family("Xception", CNN, "1610.02357"),
    r"xception": Family("Xception", CNN, "1802.02611"),
    r"(eca|gc|bat_|eca_)?resnext": Family("ResNeXt", CNN, "1611.05431"),
    r"(eca|gc|eca_)?resnet": Family("ResNet", CNN, "1512.03385"),
    r"byobnet": Family("ResNet", CNN, "1512.03385"),
}


def family(architecture: str) -> Family:
    """Family of an architecture; torchvision's without their prefix.

    timm's `test_` networks, far too small for work, are a family of their own.
    """
    plain = architecture.removeprefix("tv_").removeprefix("test_")
    for pattern, found in _FAMILIES.items():
        # The test networks have a number where the patterns go on with a size.
        if re.match(pattern, plain) or re.match(pattern, f"{plain.rstrip('0123456789')}_"):
            return found._replace(name="Test") if architecture.startswith("test_") else found
    raise LookupError(f"{architecture} has no family; add it to {__name__}")


def year(found: Family) -> int | None:
    """Year of a family's paper: arXiv's numbers begin with it."""
    return 2000 + int(found.paper[:2]) if found.paper else found.year
