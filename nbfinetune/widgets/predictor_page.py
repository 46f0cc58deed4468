"""What the page of a predictor sees and asks; what Python code calls is in `predictor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import traitlets as t

from nbfinetune.errors import CommandRefused, ConfigError, RunError
from nbfinetune.models.model_checks import saved_by_run
from nbfinetune.runner.asked_model import AskedModel, DrawnMap
from nbfinetune.runner.model_face import folder_with
from nbfinetune.runner.predicting import FolderPrediction
from nbfinetune.runner.question import Question
from nbfinetune.runner.run import Run
from nbfinetune.store.layout import Which, checkpoint
from nbfinetune.widgets import predictor_requests as page
from nbfinetune.widgets.csv_sender import CsvSender
from nbfinetune.widgets.gallery_requests import asked
from nbfinetune.widgets.saved_face import SavedPanel
from nbfinetune.widgets.thumbnails import SIDE, WHOLE, Desk, Key, Picture
from nbfinetune.widgets.uploads import Upload, Uploads, drawn

_OVER = ("done", "cancelled", "failed")
_LONGEST = {"photo": 2 * SIDE, "whole": WHOLE}


class PredictorPage(SavedPanel):
    """The page's side of `Predictor`: traits that it draws, and answers to what it asks.

    Parameters
    ----------
    run : Run
    which : {"best", "last"}
    folders : bool
        Whether the page may name folders of this machine.
    """

    bundle_name = "predictor"

    about = t.Dict().tag(sync=True)
    pictures: t.List[dict[str, Any]] = t.List().tag(sync=True)
    engine = t.Dict().tag(sync=True)
    folder = t.Dict().tag(sync=True)

    def __init__(self, run: Run, which: Which, *, folders: bool) -> None:
        self._run, self._which, self._folders = run, which, folders
        self._model: AskedModel | None = None
        self._classes: tuple[str, ...] = ()
        self._trouble = ""
        self._sent: list[Any] = []
        self._engine = {"phase": "idle", "words": ""}
        self._work: FolderPrediction | None = None
        self._explaining: set[tuple[int, str]] = set()
        self._uploads = Uploads()
        self._desk = Desk(self._make, self._deliver)
        self._sender = CsvSender(self.send)
        self._acts: dict[str, Callable[[Any], object]] = {
            "add": self._add,
            "look": self._look,
            "scores": self._scores,
            "explain": self._explain,
            "again": self._again,
            "clear": lambda _: self._uploads.clear(),
            "predict folder": self._predict_folder,
            "cancel folder": lambda _: self._cancel_folder(),
            "download": lambda _: self._download(),
        }
        self._examine()
        super().__init__(self._do_asked, **self._drawn())
        self._warm_up()

    def close(self) -> None:
        """Let go of the page and of the model; what is predicted for a folder ends."""
        # One whose constructor raised is closed too, when it is collected.
        if "_sender" in vars(self):
            self._sender.close()
            self._desk.close()
            self._cancel_folder()
            with self._guard:
                model, self._model = self._model, None
                self._uploads.close()
            if model is not None:
                model.close()
        super().close()

    # What the page asks.

    def _answer(self, widget: Any, content: Any, buffers: Any) -> None:
        with self._guard:
            self._sent = list(buffers or ())
            super()._answer(widget, content, buffers)
            self._sent = []

    def _do_asked(self, name: str, value: Any) -> str:
        if name not in self._acts:
            return f"the page asked for {name!r}, which there is not; nothing was changed"
        self._acts[name](value)
        self._redraw()
        return ""

    def _add(self, value: Any) -> None:
        wish = asked(page.AddPicture, value)
        if len(self._sent) != 1:
            raise ConfigError(f"no bytes came with {wish.name!r}; give it to the page again")
        self._asked_model()
        self._put(self._uploads.add(wish.name, bytes(self._sent[0]), wish.note))

    def _look(self, value: Any) -> None:
        wish = asked(page.LookAtPictures, value)
        self._desk.want(f"{wish.kind} {wish.ids}", [(wish.kind, number) for number in wish.ids])

    def _scores(self, value: Any) -> None:
        upload = self._uploads.get(asked(int, value))
        if upload.probabilities is None:
            raise ConfigError(f"the model has not answered about {upload.name} yet")
        self.send({"kind": "scores", "id": upload.id}, [upload.probabilities.tobytes()])

    def _explain(self, value: Any) -> None:
        wish = asked(page.Explain, value)
        upload = self._uploads.get(wish.id)
        if wish.target and wish.target not in self._classes:
            raise ConfigError(f"the model knows no class {wish.target!r}")
        if (key := (wish.id, wish.target)) in self._explaining:
            return
        question = self._asked_model().heat_map(upload.path, target=wish.target or None)
        self._explaining.add(key)
        question.on_change(lambda: self._explained(upload, wish.target, question))

    def _again(self, value: Any) -> None:
        upload = self._uploads.get(asked(int, value))
        if upload.state == "failed":
            self._put(upload)

    def _predict_folder(self, value: Any) -> None:
        wish = asked(page.PredictFolder, value)
        if not self._folders:
            raise CommandRefused(
                "this page may not name folders of the machine that it comes from; "
                "Predictor(run, folders=True) lets it"
            )
        if not wish.folder.strip():
            raise ConfigError("no folder is named; write the path of one that holds images")
        self._begin_folder(wish.folder.strip(), wish.csv.strip() or None)

    def _begin_folder(self, folder: Any, csv: Any) -> FolderPrediction:
        with self._guard:
            if self._work is not None and self._work.status == "running":
                raise CommandRefused(
                    f"{self._work.folder} is being predicted; cancel that, or wait for its end"
                )
            work = FolderPrediction(self._asked_model(), self._classes, folder, csv)
            self._work = work
            work.on_change(self._redraw)
            work.start()
            self._redraw()
        return work

    def _cancel_folder(self) -> None:
        if self._work is not None:
            self._work.cancel()

    def _download(self) -> None:
        if self._work is None or self._work.csv is None:
            raise ConfigError("there is no CSV file yet: predict a folder first")
        self._sender.start(self._work.csv)

    # The model.

    def _examine(self) -> None:
        """Look whether there is a model, and what it knows."""
        try:
            folder = folder_with(self._run, self._which)
        except RunError as error:
            self._trouble = str(error)
            return
        path = checkpoint(folder, self._which)
        self._classes = tuple(saved_by_run(path).get("classes", ()))
        self._trouble = "" if self._classes else f"{path} is no checkpoint of a run"

    def _asked_model(self) -> AskedModel:
        if self._trouble:
            self._examine()
        if self._trouble:
            raise RunError(self._trouble)
        if self._model is None:
            self._model = AskedModel.of(self._run, self._which)
        return self._model

    def _warm_up(self) -> None:
        """Have torch and the model there before the first picture is."""
        if not self._trouble:
            self._follow(None, self._asked_model().predict([self._uploads.blank()]))

    def _put(self, upload: Upload) -> None:
        """Ask the model about a picture."""
        upload.reason = ""
        self._follow(upload, self._asked_model().predict([upload.path]))

    def _follow(self, upload: Upload | None, question: Question) -> None:
        self._heard(upload, question)  # it may be starting torch already
        question.on_change(lambda: self._heard(upload, question))

    def _heard(self, upload: Upload | None, question: Question) -> None:
        with self._guard:
            if question.status == "done":
                self._engine = {"phase": "ready", "words": ""}
                if upload is not None:
                    upload.take(*question.result)
            elif question.status in _OVER:
                reason = question.error or "the model was closed"
                self._engine = {"phase": "failed", "words": reason}
                if upload is not None:
                    upload.reason = upload.named(reason)
            elif question.progress and not question.of:
                self._engine = {"phase": "starting", "words": question.progress}
            self._redraw()

    def _explained(self, upload: Upload, target: str, question: Question) -> None:
        if question.status not in _OVER:
            return
        with self._guard:
            self._explaining.discard((upload.id, target))
        told: dict[str, Any] = {"kind": "explained", "id": upload.id, "target": target}
        words = upload.named(question.error)
        facts = {"class_name": target, "probability": 0.0, "method": "", "words": words}
        buffers = []
        if question.status == "done":
            found = cast("DrawnMap", question.result)
            facts = {"class_name": found.class_name, "probability": found.probability}
            facts |= {"method": found.method, "words": ""}
            buffers = [found.picture]
        self.send({**told, **facts}, buffers)

    # What is drawn.

    def _make(self, key: Key) -> Picture:
        kind, number = cast("tuple[str, int]", key)
        with self._guard:
            upload = self._uploads.get(number)
        return drawn(upload, _LONGEST[kind])

    def _deliver(self, batch: list[tuple[Key, Picture]]) -> None:
        keys = [" ".join(map(str, cast("tuple[str, int]", key))) for key, _ in batch]
        content = {"kind": "pictures", "keys": keys, "reasons": [one.reason for _, one in batch]}
        self.send(content, [one.data for _, one in batch])

    def _drawn(self) -> dict[str, Any]:
        return {
            "about": {
                "model": self._run.config.model.name,
                "run": self._run.id,
                "classes": list(self._classes),
                "folders": self._folders,
                "trouble": self._trouble,
            },
            "pictures": [upload.told() for upload in self._uploads.newest_first],
            "engine": self._engine,
            "folder": _folder_told(self._work),
        }


def _folder_told(work: FolderPrediction | None) -> dict[str, Any]:
    if work is None:
        return {"state": "none", "words": "", "done": 0, "of": 0, "csv": ""}
    csv = "" if work.csv is None else work.csv.name
    return {
        "state": work.status,
        "words": _folder_words(work),
        "done": work.done,
        "of": work.of,
        "csv": csv,
    }


def _folder_words(work: FolderPrediction) -> str:
    if work.status == "running":
        return work.progress
    kept = f" → {work.csv.name}" if work.csv is not None else ""
    if work.status == "failed":
        return str(work.failure)
    unreadable = f", {work.unreadable:,} unreadable" if work.unreadable else ""
    if work.status == "cancelled":
        return f"cancelled after {work.done:,} of {work.of:,} images{unreadable}{kept}"
    return f"{work.done:,} {'image' if work.done == 1 else 'images'}{unreadable}{kept}"
