"""TensorBoard: event files, written with its own record writer, which needs no torch."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbfinetune.runner.trackers.bookmark import Bookmark
from nbfinetune.runner.trackers.notes import Note
from nbfinetune.runner.trackers.pages import Ending, Page, Point, Subject
from nbfinetune.runner.trackers.targets import TensorBoard


class TensorBoardWriter:
    """Event files in a folder of the run's own.

    Parameters
    ----------
    target : TensorBoard
    run_folder : Path
    subject : Subject
    mark : Bookmark
        Decides whether the settings are written, and from which step on earlier files are void.
    """

    def __init__(
        self, target: TensorBoard, run_folder: Path, subject: Subject, mark: Bookmark
    ) -> None:
        from tensorboard.plugins.hparams import summary_v2
        from tensorboard.summary.writer.record_writer import RecordWriter

        inside = target.folder is None
        folder = run_folder / "tensorboard" if inside else Path(target.folder or "") / subject.id
        folder.mkdir(parents=True, exist_ok=True)
        self.where = str(folder)
        # TensorBoard reads the files of a folder in the order of their names.
        name = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        # Its own `EventFileWriter` writes from a thread, where a full disk would be noticed late.
        self._records = RecordWriter((folder / name).open("xb"))
        self._put(time.time(), 0, file_version="brain.Event:2")
        self._take_up(mark.steps_to + 1)
        if not mark.seq:
            hparams = summary_v2.hparams_pb(subject.settings, start_time_secs=subject.created)
            self._put(subject.created, 0, summary=hparams)

    def write(self, page: Page, story: Sequence[Note]) -> None:  # noqa: ARG002
        """Write a page; each note stands at its step, in the tab "Text"."""
        for point in page.points:
            self._point(point)
        for note in page.notes:
            self._note(note)
        self._records.flush()

    def end(self, ending: Ending) -> None:
        """Write the best epoch's measures and the status, and close the file."""
        if ending.best is not None:
            self._point(ending.best)
        self._close_session(ending)
        self._records.close()

    def _point(self, point: Point) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=v) for name, v in point.values.items()]
        self._put(point.time, point.step, summary=Summary(value=values))

    def _note(self, note: Note) -> None:
        from tensorboard.compat.proto import summary_pb2, tensor_pb2, types_pb2
        from tensorboard.plugins.text import metadata

        value = summary_pb2.Summary.Value(
            tag="notes",
            metadata=metadata.create_summary_metadata(display_name=None, description=None),
            tensor=tensor_pb2.TensorProto(
                dtype=types_pb2.DT_STRING, string_val=[note.text.encode()]
            ),
        )
        self._put(note.time, note.step, summary=summary_pb2.Summary(value=[value]))

    def _take_up(self, step: int) -> None:
        """Void what earlier files say from `step` on: it was never marked as mirrored."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        self._put(time.time(), step, session_log=SessionLog(status=SessionLog.START))

    def _close_session(self, ending: Ending) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

        info = plugin_data_pb2.SessionEndInfo(
            status=api_pb2.STATUS_SUCCESS if ending.well else api_pb2.STATUS_FAILURE,
            end_time_secs=ending.time,
        )
        content = plugin_data_pb2.HParamsPluginData(session_end_info=info)
        value = Summary.Value(
            tag=metadata.SESSION_END_INFO_TAG, metadata=metadata.create_summary_metadata(content)
        )
        self._put(ending.time, 0, summary=Summary(value=[value]))

    def _put(self, at: float, step: int, **what: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        event = Event(wall_time=at, step=step, **what)
        self._records.write(event.SerializeToString())
