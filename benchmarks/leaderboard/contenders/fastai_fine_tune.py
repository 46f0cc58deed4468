"""fastai's recipe for weights that are there: `vision_learner` and `fine_tune`."""

from __future__ import annotations

import torch
from fastai.vision.all import CrossEntropyLossFlat, accuracy, vision_learner
from fastai_learner import Teller, photos
from photos import load
from task import Task

if __name__ == "__main__":
    task = Task.given()
    task.tell("imported")
    torch.set_num_threads(task.threads)
    dls = photos(task)
    task.tell("data")
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
