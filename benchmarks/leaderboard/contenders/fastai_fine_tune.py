"""fastai's recipe for weights that are there: `vision_learner` and `fine_tune`."""

from __future__ import annotations

import torch
from fastai.vision.all import CrossEntropyLossFlat, accuracy, vision_learner
from fastai_learner import Teller, begun
from photos import load

if __name__ == "__main__":
    task, dls = begun()
    torch.manual_seed(task.seed)
    learner = vision_learner(
        dls,
        task.model,
        pretrained=False,
        loss_func=CrossEntropyLossFlat(),
        metrics=accuracy,
        cbs=Teller(task),
    )
    if task.weights:
        load(task, learner.model[0].model)
    task.tell("model")
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(task.epochs, task.lr)
