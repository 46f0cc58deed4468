"""A worker does without torch's compiler, and whoever wants it finds it as ever."""

import subprocess
import sys

BEGIN = """
import sys
from nbfinetune.engine.lean_torch import leave_out_compiler
leave_out_compiler()
def real():
    return "torch._dynamo.eval_frame" in sys.modules
"""
TRAINING = """
import nbfinetune.engine.train
import timm, torch
model = timm.create_model("resnet10t", num_classes=2)
optimizer = torch.optim.AdamW(model.parameters(), fused=True)
model(torch.zeros(2, 3, 32, 32)).sum().backward()
optimizer.step()
optimizer.zero_grad()
with torch.device("meta"):
    timm.create_model("resnet10t").eval()(torch.zeros(2, 3, 32, 32))
assert not real()
"""


def run(script: str) -> None:
    """In a process that nobody has imported anything in."""
    subprocess.run([sys.executable, "-c", BEGIN + script], check=True)


def test_models_are_built_and_trained_without_it() -> None:
    run(TRAINING)


def test_torchvision_finds_the_function_that_it_took() -> None:
    run(
        TRAINING
        + """
from torchvision.ops import roi_align
torch.use_deterministic_algorithms(True)
boxes = torch.tensor([[0.0, 0, 0, 4, 4]])
assert roi_align(torch.ones(1, 1, 8, 8), boxes, 2).sum() == 4
from torchvision.ops import roi_align as module
assert sys.modules["torchvision.ops.roi_align"].is_compile_supported("cpu") in (True, False)
assert real()
"""
    )


def test_what_is_compiled_later_is_compiled_and_what_is_not_to_be_is_left_alone() -> None:
    run(
        TRAINING
        + """
@torch.compiler.disable
def alone(x):
    assert not torch.compiler.is_compiling()
    return x + 1
torch._dynamo.config.recompile_limit = 77
graphs = []
def backend(graph, inputs):
    graphs.append(graph)
    return graph
compiled = torch.compile(lambda x: alone(x * 2) * 3, backend=backend)
assert compiled(torch.ones(2)).tolist() == [9.0, 9.0]
assert real()
assert len(graphs) == 2, graphs
assert torch._dynamo.config.recompile_limit == 77
optimizer.step()
optimizer.zero_grad()
optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
"""
    )


def test_its_parts_are_there_once() -> None:
    run(
        """
import torch
from torch._dynamo.utils import counters
import torch._dynamo.config
assert real()
assert torch._dynamo is sys.modules["torch._dynamo"]
assert torch._dynamo.utils.counters is counters
assert torch._dynamo.config is sys.modules["torch._dynamo.config"]
spec = torch._dynamo.utils.__spec__
assert spec.name == "torch._dynamo.utils" and spec.origin.endswith("utils.py"), spec
"""
    )


def test_a_part_that_does_not_exist_is_missed_by_its_name() -> None:
    run(
        """
try:
    import torch._dynamo.nowhere
except ModuleNotFoundError as error:
    assert error.name == "torch._dynamo.nowhere"
else:
    raise AssertionError
"""
    )
