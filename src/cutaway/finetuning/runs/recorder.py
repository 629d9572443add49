"""Recording a training: one block around it, whatever kind it is, and however it ends."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cutaway.core.errors import DivergedError, FormatError, ResourceError, StoppedError
from cutaway.core.files import write_text
from cutaway.finetuning.runs.curves import kept_curves
from cutaway.finetuning.runs.process import code_version, environment
from cutaway.finetuning.runs.record import Kind, RunRecord, Status, utc_now
from cutaway.training.history import Listener

if TYPE_CHECKING:
    from cutaway.finetuning.runs.store import Store

RECORD = "run.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is known of a training before its first step.

    Attributes:
        kind: see `RunRecord`.
        folder: the run's.
        settings: all that was chosen.
        data: `source`, `sha256`, and what else is known of it.
        seeds: by what they decide.
    """

    kind: Kind
    folder: Path
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    seeds: Mapping[str, int] = field(default_factory=dict)


class Recorder:
    """A training that is being recorded.

    Attributes:
        record: as it stands.
        listener: to be told of each step and epoch; it leaves them on disk.
    """

    def __init__(self, record: RunRecord, store: Store, listener: Listener) -> None:
        self.record = record
        self.listener = listener
        self._store = store

    def measured(self, measures: Mapping[str, float]) -> None:
        """Note what came out: the best epoch's measures.

        Args:
            measures: by name.
        """
        self.record = replace(self.record, measures=dict(measures))

    def close(self, status: Status, note: str = "") -> None:
        """Write the record's end into the folder and the store, or beside it if the store is gone.

        Args:
            status: how it ended.
            note: why it did not finish.
        """
        self.record = replace(self.record, status=status, ended=utc_now(), note=note)
        write_record(self.record)
        try:
            self._store.save(self.record)
        except (ResourceError, FormatError) as error:
            self._store.save_later(self.record)
            warnings.warn(f"{error}; the run's record waits in {self.record.folder}", stacklevel=2)


@contextmanager
def recording(plan: Plan, listen: Listener | None = None) -> Iterator[Recorder]:
    """Record what happens inside the block as a run.

    The store is written at the start and at the end only; steps and epochs go to the run's folder. An
    error of the block is noted in the record and raised on.
    A folder that holds the record of a training that did not finish goes on under the same id.

    Args:
        plan: what is known before.
        listen: told of steps and epochs too.
    """
    from cutaway.finetuning.runs.store import Store  # a quarter of a second, which predicting does not need

    store = Store.open()
    record = _begun(plan)
    write_record(record)
    store.save(record)
    with kept_curves(plan.folder, listen) as listener:
        recorder = Recorder(record, store, listener)
        try:
            yield recorder
        except BaseException as error:
            recorder.close(_status(error), note=" ".join(str(error).split()) or type(error).__name__)
            raise
        recorder.close("finished")


def write_record(record: RunRecord) -> None:
    """Write run.json into the run's folder: a lost store can be made again from these.

    Args:
        record: all of it.
    """
    write_text(record.folder / RECORD, json.dumps(record.to_json(), indent=1, ensure_ascii=False) + "\n")


def read_record(folder: Path) -> RunRecord:
    """Read run.json.

    Args:
        folder: the run's; the record says so even if the folder was moved.

    Raises:
        FormatError: the file is damaged.
    """
    path = folder / RECORD
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return replace(RunRecord.from_json(told), folder=folder.resolve())
    except (OSError, ValueError, TypeError) as error:
        raise FormatError(f"{path} cannot be read as a run's record: {error}") from error


def settings_of(settings: Any, **more: Any) -> dict[str, Any]:
    """Return a settings dataclass as plain values that JSON can hold, with more beside it.

    Args:
        settings: a dataclass.
        more: further values by name, such as the model.
    """
    plain: dict[str, Any] = json.loads(json.dumps({**more, **asdict(settings)}, default=str))
    return plain


def _begun(plan: Plan) -> RunRecord:
    record = RunRecord(
        name=plan.folder.name,
        kind=plan.kind,
        folder=plan.folder.resolve(),
        status="running",
        settings=plan.settings,
        data=plan.data,
        code=code_version(),
        environment=environment(),
        seeds=plan.seeds,
        started=utc_now(),
    )
    if not (plan.folder / RECORD).is_file():
        return record
    before = read_record(plan.folder)
    return replace(record, id=before.id, started=before.started)


def _status(error: BaseException) -> Status:
    if isinstance(error, DivergedError):
        return "diverged"
    if isinstance(error, (StoppedError, KeyboardInterrupt, SystemExit)):
        return "interrupted"
    return "failed"
