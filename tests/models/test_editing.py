"""Cut stages, other pooling and other channels: pretrained features stay what they were."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.models import adapt_input_conv
from torch import nn

from nbfinetune.errors import ConfigError, ModelError
from nbfinetune.models.build import build
from nbfinetune.models.freezing import frozen_at_start
from nbfinetune.models.groups import layer_groups, set_trainable, stages
from nbfinetune.models.heads import head_names
from nbfinetune.models.inputs import model_input
from nbfinetune.models.pooling import GlobalPool
from nbfinetune.models.rehearsal import sketch
from nbfinetune.models.shape import Shape
from nbfinetune.records import ModelConfig

MOBILENET = "weights/mobilenetv2_100.in1k_dropin.safetensors"
SQUEEZENET = "weights/tv_squeezenet1_0.in1k.safetensors"


def built(name: str, size: int = 32, **rest):
    config = ModelConfig(name=name, pretrained=False, **rest)
    return build(config, num_classes=5, image_size=size)


def features(made, images):
    """What arrives at the classifier."""
    seen = []
    last = made.module.get_submodule(head_names(made.module)[0])
    with torch.no_grad(), last.register_forward_pre_hook(lambda _, given: seen.append(given[0])):
        made.module.eval()(images)
    return seen[0]


@pytest.mark.parametrize(
    ("name", "weights"), [("mobilenetv2_100", MOBILENET), ("tv_squeezenet1_0", SQUEEZENET)]
)
@pytest.mark.parametrize("in_chans", [1, 6])
def test_inflated_weights_see_in_equal_channels_what_they_saw_in_three(
    shared_data, name, weights, in_chans
):
    path = str(shared_data(weights))
    rgb = built(name, 64, checkpoint=path)
    other = built(name, 64, checkpoint=path, in_chans=in_chans)
    grey = torch.randn(2, 1, 64, 64)
    wanted = features(rgb, grey.expand(2, 3, 64, 64))
    got = features(other, grey.expand(2, in_chans, 64, 64))
    assert (got - wanted).abs().max() < 1e-4 * wanted.abs().max()


def test_a_fourth_channel_shares_the_weights_of_the_first_as_timm_has_it(shared_data):
    path = str(shared_data(MOBILENET))
    rgb, four = (built("mobilenetv2_100", checkpoint=path, in_chans=n) for n in (3, 4))
    theirs = timm.create_model("mobilenetv2_100", checkpoint_path=path).conv_stem.weight
    assert torch.equal(rgb.module.conv_stem.weight, theirs)
    assert torch.equal(four.module.conv_stem.weight, adapt_input_conv(4, theirs.detach()))


@pytest.mark.parametrize("dropped", [1, 3])
def test_a_cut_mobilenet_reads_the_features_that_imagenet_taught_it(shared_data, dropped):
    path = str(shared_data(MOBILENET))
    images = torch.randn(2, 3, 64, 64)
    whole = timm.create_model("mobilenetv2_100", checkpoint_path=path).eval()
    with torch.no_grad():
        taps = whole.forward_intermediates(images, intermediates_only=True)
    cut = built("mobilenetv2_100", 64, checkpoint=path, drop_stages=dropped)
    assert torch.allclose(features(cut, images), taps[-1 - dropped].mean((2, 3)), atol=1e-5)
    assert len(stages(cut.module, cut.head_names)) == 1 + len(taps) - dropped


def test_a_cut_squeezenet_reads_the_features_before_its_last_pooling(shared_data):
    path = str(shared_data(SQUEEZENET))
    images = torch.randn(2, 3, 64, 64)
    whole, cut = (built("tv_squeezenet1_0", 64, checkpoint=path, drop_stages=n) for n in (0, 1))
    with torch.no_grad():
        kept = whole.module.eval().features[:11](images)
    # The classifier's own dropout is off.
    assert torch.equal(features(cut, images), kept)


@pytest.mark.parametrize(
    ("name", "size", "widths"),
    [
        ("resnet18", 32, [256, 128]),
        ("tv_resnet18", 32, [256, 128]),
        ("vgg11", 32, [512, 512]),
        ("inception_v3", 75, [768, 288]),
        ("tv_googlenet", 32, [832, 480]),
        ("tv_alexnet", 63, [192, 64]),
        ("convnext_atto", 32, [160, 80]),
        ("tv_densenet121", 32, [512, 256]),
        ("swin_tiny_patch4_window7_224", 64, [384, 192]),
        ("tv_swin_t", 64, [384, 192]),
        ("vit_tiny_patch16_224", 32, [192, 192]),
        ("tv_mobilenet_v3_small", 32, [48, 24]),
        ("factories:small_cnn", 16, [8]),
    ],
)
def test_a_cut_model_is_as_wide_as_the_stage_that_is_last(name, size, widths):
    images = torch.randn(2, 3, size, size)
    for dropped, width in enumerate(widths, start=1):
        made = built(name, size, drop_stages=dropped, dropout=0.1)
        assert features(made, images).shape == (2, width)
        assert made.module.train()(images).shape == (2, 5)


def test_the_norm_of_a_shortened_transformer_is_kept():
    whole = built("vit_tiny_patch16_224")
    cut = built("vit_tiny_patch16_224", drop_stages=3)
    assert len(cut.module.blocks) == 9
    assert isinstance(cut.module.norm, nn.LayerNorm)
    gone = set(whole.module.state_dict()) - set(cut.module.state_dict())
    last = ("blocks.9.", "blocks.10.", "blocks.11.")
    assert gone == {k for k in whole.module.state_dict() if k.startswith(last)}


@pytest.mark.parametrize("name", ["resnet18", "tv_resnet18", "vit_tiny_patch16_224", "tv_alexnet"])
def test_pooling_is_what_was_asked_for(name):
    size = 63 if name == "tv_alexnet" else 64
    images = torch.randn(3, 3, size, size)
    torch.manual_seed(0)
    pooled = {kind: built(name, size, pooling=kind) for kind in ("avg", "max", "catavgmax", "gem")}
    weights = pooled["avg"].module.state_dict()
    for made in pooled.values():
        shared = {k: v for k, v in weights.items() if not k.startswith(head_names(made.module))}
        made.module.load_state_dict(shared, strict=False)
    avg, top, both, gem = (features(made, images).flatten(1) for made in pooled.values())
    assert torch.allclose(both, torch.cat([avg, top], 1), atol=1e-6)
    assert (avg <= top + 1e-6).all()
    assert (gem <= top.clamp(min=1e-6) + 1e-5).all()


def test_the_generalised_mean_lies_between_mean_and_maximum_and_its_exponent_is_trained():
    pool, maps = GlobalPool("gem"), torch.rand(2, 4, 5, 5) + 0.1
    pool(maps).sum().backward()
    assert pool.exponent.grad.abs() > 0
    with torch.no_grad():
        pool.exponent.fill_(1.0)
        assert torch.allclose(pool(maps), maps.mean((2, 3)))
        pool.exponent.fill_(200.0)
        assert torch.allclose(pool(maps), maps.amax((2, 3)), rtol=0.02)


def test_an_exponent_is_trained_with_the_head_when_all_else_is_frozen():
    made = built("resnet18", pooling="gem")
    groups = layer_groups(made.module, made.head_names)
    set_trainable(made.module, groups, "backbone")
    learning = {name for name, weight in made.module.named_parameters() if weight.requires_grad}
    assert learning == {"fc.weight", "fc.bias", "global_pool.exponent"}


@pytest.mark.parametrize(
    ("name", "size", "rest", "sentence"),
    [
        ("resnet18", 32, {"drop_stages": 5}, r"has 5 stages \(conv1, .*drop 4 at most"),
        ("factories:wide_cnn", 32, {"drop_stages": 1}, "has 1 stage .*leave drop_stages out"),
        ("tv_densenet121", 32, {"pooling": "gem"}, "it pools within its own code"),
        ("deit_tiny_distilled_patch16_224", 32, {"pooling": "max"}, "read tokens of their own"),
        ("levit_128s", 224, {"pooling": "max"}, "Only avg pooling"),
        ("convnext_atto", 32, {"pooling": "catavgmax"}, "does not work with pooling='catavgmax'"),
        ("efficientformer_l1", 224, {"drop_stages": 1}, "can't go without its last stages"),
    ],
)
def test_what_can_not_be_changed_is_refused_with_the_reason(name, size, rest, sentence):
    with pytest.raises(ConfigError, match=sentence):
        built(name, size, **rest)


def test_a_network_of_fixed_channels_says_so():
    with pytest.raises(ModelError, match=r"can't take images of 512×512 pixels and 4 channels"):
        built("csatv2", 512, in_chans=4)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("resnet18", ["layer3.0 to layer3.1", "layer4.0 to layer4.1"]),
        ("tv_googlenet", ["inception4a to inception4e", "inception5a to inception5b"]),
        ("tv_vgg11", ["features.11 to features.13", "features.16 to classifier.3"]),
        ("tv_swin_t", ["features.4.reduction to features.5.5", "features.6.reduction to"]),
        ("vit_tiny_patch16_224", ["blocks.10", "blocks.11"]),
        ("efficientnet_b0", ["blocks.3.0 to blocks.4.2", "blocks.5.0 to"]),
    ],
)
def test_the_last_stages_are_those_of_the_lowest_resolutions(name, names):
    made = built(name, 64)
    *_, before, last, head = stages(made.module, made.head_names)
    assert before.name == names[0]
    assert last.name.startswith(names[1])
    groups = layer_groups(made.module, made.head_names)
    config = ModelConfig(name=name, train_stages=1)
    set_trainable(made.module, groups, frozen_at_start(made.module, made.head_names, config))
    learning = [name for name, weight in made.module.named_parameters() if weight.requires_grad]
    assert sorted(learning) == sorted((*last.parameter_names, *head.parameter_names))


@pytest.mark.parametrize("name", ["mvitv2_tiny", "twins_svt_small", "hgnetv2_b0", "levit_128s"])
def test_a_model_that_misnames_its_stages_has_them_all_the_same(name):
    module = sketch(ModelConfig(name=name), Shape(5, 224))
    assert len(stages(module, head_names(module))) == 1 + len(module.feature_info)


def test_a_token_that_joins_in_a_cut_block_is_made_up_for_by_the_mean():
    module = sketch(ModelConfig(name="convit_tiny", drop_stages=2), Shape(5, 224))
    assert (len(module.blocks), module.global_pool) == (10, "avg")


def test_contradicting_or_too_many_trained_stages_are_refused():
    made = built("resnet18")
    for rest, sentence in (
        ({"train_stages": 6}, r"train_stages is 6, but resnet18 has 5 stages \(conv1"),
        ({"train_stages": 1, "freeze": "backbone"}, "both say what is trained"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            frozen_at_start(made.module, made.head_names, ModelConfig(**rest))


def test_normalisation_follows_the_channels():
    red, green, blue = model_input("resnet18").mean
    assert model_input("resnet18", 1).mean == (pytest.approx((red + green + blue) / 3),)
    assert model_input("resnet18", 4).mean == (red, green, blue, red)
    # Of RGB, these scale pixels to [-1, 1] by themselves.
    assert model_input("tv_googlenet", 3).mean == (0.485, 0.456, 0.406)
    assert model_input("tv_googlenet", 2).mean == (0.5, 0.5)
