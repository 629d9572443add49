"""Sweeps: many fine-tunings with settings drawn where earlier ones did well, the hopeless ones cut short.

A sweep is a folder: `sweep.db` (optuna's trials, in SQLite), `sweep.json` (what all trials share), and a run
folder for each trial. Several processes may work on one folder; what a dead one left is taken up.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from cutaway.core.errors import DataError, DivergedError, ResourceError, StoppedError, UsageError
from cutaway.core.files import write_text
from cutaway.core.lock import hold
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.finetune import finetune
from cutaway.finetuning.finetune_settings import FinetuneSettings
from cutaway.finetuning.runs.curves import read_history
from cutaway.finetuning.runs.process import alive, environment, host
from cutaway.finetuning.runs.recorder import settings_of
from cutaway.finetuning.saved import CONFIG
from cutaway.finetuning.sweep_space import Knob, Value, apply
from cutaway.training.checkpoints import compare_recipes
from cutaway.training.history import Epoch, Listener, Step
from cutaway.training.loop import LOWER
from cutaway.training.run_folder import CHECKPOINTS, SavingSettings, newest_position

STORE, RECIPE, LOCK = "sweep.db", "sweep.json", "sweep.lock"
# Others hold the lock while they draw a trial, for milliseconds.
_PATIENCE = 30.0

# Called with a trial's number and values when it begins; returns who listens to its training.
Watch = Callable[[int, Mapping[str, Value]], Listener]


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """How far a sweep goes.

    Attributes:
        space: what is varied.
        trials: how many in all, by all processes.
        startup: so many are drawn at random, and none is cut short, before the others are learned from.
    """

    space: tuple[Knob, ...]
    trials: int = 20
    startup: int = 5

    def __post_init__(self) -> None:
        if not self.space:
            raise UsageError("a sweep varies something: name at least one setting")
        if self.trials < 1 or self.startup < 1:
            raise UsageError(f"trials ({self.trials}) and startup ({self.startup}) start at 1")


@dataclass(frozen=True, kw_only=True)
class SweptTrial:
    """One trial: its number, how it ended, its values, its measure, how many epochs, its run's folder."""

    number: int
    state: str
    values: dict[str, Value]
    measure: float | None
    epochs: int
    run: str


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """What came out.

    Attributes:
        folder: the sweep's.
        measured_by: the validation measure that decides.
        trials: every one that is over, best first.
        importance: of each setting, the share of the measure's variance that it explains; empty if too
            few trials tell.
    """

    folder: Path
    measured_by: str
    trials: tuple[SweptTrial, ...]
    importance: dict[str, float]

    @property
    def best(self) -> SweptTrial:
        """The best trial."""
        return self.trials[0]

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {**asdict(self), "folder": str(self.folder), "best": asdict(self.best)}


def sweep(
    labelled: Labelled,
    *,
    model: str,
    settings: FinetuneSettings,
    plan: SweepSettings,
    folder: Path,
    watch: Watch | None = None,
) -> SweepResult:
    """Try settings until there are enough trials; go on where an earlier call ended.

    Args:
        labelled: the rows.
        model: the encoder: a catalog name or a checkpoint folder.
        settings: what no trial varies.
        plan: what is varied, and how often.
        folder: of the sweep; another process may work on it too.
        watch: told of each trial.

    Returns:
        All trials of the folder.

    Source:
        Bergstra et al. 2011, "Algorithms for hyper-parameter optimization", section 4 (TPE), as optuna has
        it (Akiba et al. 2019, arXiv:1907.10902); Hutter et al. 2014 for the importance (fANOVA).
    """
    recipe = {
        "data": labelled.sha256,
        "settings": settings_of(settings, model=model),
        "space": {knob.name: list(knob.values) for knob in plan.space},
    }
    study = _study(folder, recipe, settings, plan)
    while (trial := _next(study, folder, plan)) is not None:
        _try(study, trial, (labelled, model, settings, plan), folder, watch)
    return result_of(study, folder, settings)


def _study(
    folder: Path, recipe: Mapping[str, Any], settings: FinetuneSettings, plan: SweepSettings
) -> optuna.Study:
    """Open the folder's store, made if it is not there."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _locked(folder):
        if (folder / RECIPE).exists():
            compare_recipes(json.loads((folder / RECIPE).read_text(encoding="utf-8")), recipe, folder)
        elif any(path.name != LOCK for path in folder.iterdir()):
            raise UsageError(f"{folder} is not empty and holds no sweep: name another folder")
        else:
            write_text(folder / RECIPE, json.dumps(recipe, indent=1) + "\n")
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{(folder / STORE).resolve()}", engine_kwargs={"connect_args": {"timeout": 30}}
        )
        study = optuna.create_study(
            storage=storage,
            study_name="sweep",
            load_if_exists=True,
            direction="minimize" if settings.loop.best_by in LOWER else "maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=plan.startup),
        )
    # Another draw for each process and each time: two with one seed would try the same.
    seed = (settings.loop.seed * 1009 + len(study.trials) * 9176 + os.getpid()) % 2**32
    study.sampler = optuna.samplers.TPESampler(n_startup_trials=plan.startup, seed=seed)
    return study


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the sweep for a moment, waiting for others that do."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            with hold(folder / LOCK, of=folder):
                yield
                return
        except ResourceError as error:
            if "is held by" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.05)


def _next(study: optuna.Study, folder: Path, plan: SweepSettings) -> optuna.Trial | None:
    """Draw a trial, one that a dead process left first; none if there are enough."""
    with _locked(folder):
        for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            attributes = left.user_attrs
            if attributes.get("host", host()) == host() and not alive(attributes.get("process")):
                study.tell(left.number, state=TrialState.FAIL)
                kept = {"folder": _folder_name(left)}
                study.enqueue_trial(left.params, user_attrs={**kept, "taken up": left.number})
        trials = study.get_trials(deepcopy=False)
        taken_up = {trial.user_attrs.get("taken up") for trial in trials}
        counted = [
            trial for trial in trials if trial.state != TrialState.WAITING and trial.number not in taken_up
        ]
        if len(counted) >= plan.trials:
            return None
        trial = study.ask()
        trial.set_user_attr("host", host())
        trial.set_user_attr("process", environment()["process"])
        return trial


def _folder_name(trial: FrozenTrial | optuna.Trial) -> str:
    return str(trial.user_attrs.get("folder", f"trial-{trial.number:04d}"))


class _CutShortError(StoppedError):
    """The trial does worse than most did at this epoch."""


def _try(
    study: optuna.Study,
    trial: optuna.Trial,
    work: tuple[Labelled, str, FinetuneSettings, SweepSettings],
    folder: Path,
    watch: Watch | None,
) -> None:
    """Train with what was drawn, and tell the store how it ended."""
    labelled, model, settings, plan = work
    values = {knob.name: knob.suggest(trial) for knob in plan.space}
    listen = watch(trial.number, values) if watch else None
    by, place = settings.loop.best_by, folder / _folder_name(trial)

    def told(event: Step | Epoch, steps: int | None) -> None:
        if listen:
            listen(event, steps)
        if isinstance(event, Epoch):
            trial.report(event.validation[by], event.epoch)
            if trial.should_prune():
                raise _CutShortError(f"cut short: {by} {event.validation[by]:.4f} after epoch {event.epoch}")

    try:
        if (place / CONFIG).exists() and not (place / CHECKPOINTS).is_dir():
            measures = read_history(place).best.validation  # finished, and killed before it was told
        else:
            saving = SavingSettings(unfinished="resume" if newest_position(place) else "refuse")
            chosen = apply(settings, values)
            run = finetune(labelled, model=model, settings=chosen, out=place, listen=told, saving=saving)
            measures = run.measures
    except _CutShortError:
        study.tell(trial, state=TrialState.PRUNED)
        shutil.rmtree(place / CHECKPOINTS, ignore_errors=True)
    except DivergedError:
        study.tell(trial, state=TrialState.FAIL)
        shutil.rmtree(place / CHECKPOINTS, ignore_errors=True)
    except BaseException:
        trial.set_user_attr("process", None)  # nobody works on it: the next call takes it up
        raise
    else:
        study.tell(trial, measures[by])


def result_of(study: optuna.Study, folder: Path, settings: FinetuneSettings) -> SweepResult:
    """Return all trials that are over, best first, and which settings mattered.

    Args:
        study: optuna's.
        folder: the sweep's.
        settings: what no trial varied; its best_by is the measure.

    Returns:
        The result.

    Raises:
        DataError: not one trial finished.
    """
    trials = study.get_trials(deepcopy=False)
    taken_up = {trial.user_attrs.get("taken up") for trial in trials}
    over = [trial for trial in trials if trial.state.is_finished() and trial.number not in taken_up]
    finished = [trial for trial in over if trial.state == TrialState.COMPLETE]
    if not finished:
        raise DataError(f"none of {len(over)} trials in {folder} finished: try lower rates")
    sign = 1 if settings.loop.best_by in LOWER else -1

    def rank(trial: FrozenTrial) -> tuple[bool, float]:
        return trial.state != TrialState.COMPLETE, sign * (trial.value or 0.0)

    swept = tuple(
        SweptTrial(
            number=trial.number,
            state={TrialState.COMPLETE: "finished", TrialState.PRUNED: "cut short"}.get(
                trial.state, "diverged"
            ),
            values=dict(trial.params),
            measure=trial.value,
            epochs=_epochs(folder / _folder_name(trial)),
            run=_folder_name(trial),
        )
        for trial in sorted(over, key=rank)
    )
    return SweepResult(
        folder=folder,
        measured_by=settings.loop.best_by,
        trials=swept,
        importance=_importance(study, over),
    )


def _epochs(place: Path) -> int:
    return len(read_history(place).epochs) if (place / CONFIG).exists() else 0


def _importance(study: optuna.Study, over: list[FrozenTrial]) -> dict[str, float]:
    """What each setting explains; a trial that was cut short counts with the best it reached."""
    best = min if study.direction == optuna.study.StudyDirection.MINIMIZE else max
    reached = {
        trial.number: trial.value if trial.value is not None else best(trial.intermediate_values.values())
        for trial in over
        if trial.value is not None or trial.intermediate_values
    }
    told = [trial for trial in over if trial.number in reached]
    varied = any(len({trial.params[name] for trial in told}) > 1 for name in over[0].params)
    if len(told) < 4 or not varied or len(set(reached.values())) < 2:
        return {}
    whole = optuna.create_study(direction=study.direction.name.lower())  # type: ignore[arg-type]
    for trial in told:
        whole.add_trial(
            optuna.trial.create_trial(
                params=trial.params, distributions=trial.distributions, value=reached[trial.number]
            )
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    found = optuna.importance.get_param_importances(whole, evaluator=evaluator)
    return {name: round(float(share), 4) for name, share in found.items()}
