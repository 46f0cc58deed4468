"""What it costs to know of every model: import, the whole catalogue, a search, the cache, a table.

`python benchmarks/bench_catalogue.py` prints medians over fresh processes. The target is 50 ms for
import and catalogue together, in a process that has imported nothing of ours.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

PROCESSES = 9
READER = """
import json, sys, time
told, results = {}, []
def timed(name, action):
    started = time.perf_counter()
    results.append(action())
    told[name] = time.perf_counter() - started
def import_catalogue():
    import nbfinetune.models.catalogue
def import_hub_cache():
    import nbfinetune.models.hub_cache
def import_selection():
    import nbfinetune.models.selection
timed("import", import_catalogue)
from nbfinetune.models import catalogue as c
timed("whole catalogue", c.catalogue)
told["import and catalogue"] = told["import"] + told["whole catalogue"]
timed("facts of a model", lambda: c.facts("resnet18"))
timed("closest to a typo", lambda: c.closest("mobilnet v3"))
timed("import filters", import_selection)
from nbfinetune.models import selection as s
timed("four filters", lambda: s.select(c.catalogue(), "resnet*", license="permissive",
                                       max_params_m=30, min_top1=75))
timed("Pareto front", lambda: s.pareto(c.catalogue(), "macs", "top1"))
timed("import cache", import_hub_cache)
from nbfinetune.models import hub_cache as h
timed("what is cached", lambda: h.cached_names(c.catalogue()))
heavy = [name for name in ("torch", "timm", "pandas", "numpy") if name in sys.modules]
import pandas, nbfinetune as nf
timed("table, with pandas there", lambda: nf.models("resnet*"))
print(json.dumps({"told": told, "heavy": heavy, "rows": len(c.catalogue())}))
"""


def main() -> None:
    """Print the medians."""
    told = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", READER], capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(PROCESSES)
    ]
    for name in told[0]["told"]:
        times = [one["told"][name] * 1000 for one in told]
        print(f"{name:<26} {statistics.median(times):7.2f} ms (best {min(times):.2f})")
    print(f"{told[0]['rows']} rows; heavy modules imported: {told[0]['heavy']}")


if __name__ == "__main__":
    main()
