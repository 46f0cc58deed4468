"""What a model needs, and what is left of it in a container."""

from __future__ import annotations

import psutil
import pytest
import torch

from nbfinetune.errors import ModelTooLarge
from nbfinetune.models import memory
from nbfinetune.models.memory import available_bytes, check_fits, needed_bytes


def test_training_takes_sixteen_bytes_a_parameter_and_frozen_ones_four():
    assert needed_bytes(1000, 1000) == 16_000
    assert needed_bytes(1000, 0) == 4_000


def test_what_does_not_fit_is_refused_with_both_figures_and_a_way_out():
    with pytest.raises(ModelTooLarge, match=r"big needs 2\.0 GB .* 1\.5 GB are free.*backbone"):
        check_fits("big", 2_000_000_000, 1_500_000_000)
    check_fits("big", 1_500_000_000, 1_500_000_000)


def test_no_more_is_available_than_the_machine_has():
    assert 0 < available_bytes(torch.device("cpu")) <= psutil.virtual_memory().total


@pytest.mark.parametrize("version", [2, 1])
def test_a_container_lowers_what_is_available_but_cached_files_count_as_free(
    tmp_path, monkeypatch, version
):
    names = {
        2: ("memory.max", "memory.current", "memory.stat"),
        1: ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    }[version]
    for name, text in zip(names, ("5000\n", "3000\n", "anon 1\ninactive_file 400\n"), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert available_bytes(torch.device("cpu")) == 2400


def test_a_container_without_a_limit_changes_nothing(tmp_path, monkeypatch):
    for name, text in (("memory.max", "max\n"), ("memory.current", "1\n"), ("memory.stat", "")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert available_bytes(torch.device("cpu")) > 2**20
