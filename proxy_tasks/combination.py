"""Several tasks as one: the fitness is the mean of the losses, each over what a tuned AdamW comes to on that task.

So no task's unit dominates: AdamW tuned on every task for itself has fitness 1, and 1 less the fitness is the mean of
the gains over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import dsl
from dsl.vm import AUTO
from proxy_tasks.errors import TaskError
from proxy_tasks.outcome import Outcome
from proxy_tasks.task import Task
from proxy_tasks.trainer import Trainer


@dataclass(frozen=True)
class Joined:
    """What several tasks are, as one.

    Attributes:
        name: those of the tasks, with " + " between.
        scale: of each.
        version: of all.
        steps: of the first task, on which a training may be stopped early.
    """

    name: str
    scale: int
    version: str
    steps: int


class Combination:
    """Trains programs on several tasks, as a `Trainer` does on one.

    What it takes for a seed is a trial: that of seed s on task k of n is s n + k. The first of a program's trials, the
    one with thresholds, is on the first task: make that the cheapest.

    Args:
        trainers: of the tasks.
        references: loss of the tuned AdamW on each, in units of which losses are given; none leaves them as they are.

    Attributes:
        task: the tasks as one.
        tasks: each of them.
        references: as given.
        machine: what executes the programs.

    Raises:
        TaskError: for a reference that is not above 0.
    """

    def __init__(self, trainers: Sequence[Trainer], references: Sequence[float] = ()):
        self.tasks = tuple(trainer.task for trainer in trainers)
        for task, reference in zip(self.tasks, references, strict=False):
            if not reference > 0:
                raise TaskError(
                    f"{task.name}: the tuned AdamW has loss {reference:g}, of which others cannot be a multiple:"
                    " make the task harder, or its evaluate() positive"
                )
        self._trainers, self.references = tuple(trainers), tuple(references)
        self.machine = trainers[0].machine
        names, versions = zip(*((task.name, task.version) for task in self.tasks), strict=True)
        self.task = Joined(" + ".join(names), self.tasks[0].scale, " + ".join(versions), self.tasks[0].steps)

    def relative_to(self, references: Sequence[float]) -> Combination:
        """The same with losses in units of these."""
        return Combination(self._trainers, references)

    def check_start(self) -> None:
        """Computes the first loss on each task, as `Trainer.check_start`."""
        for trainer in self._trainers:
            trainer.check_start()

    def prepare(self) -> None:
        """Compiles the loops that candidates share."""
        for trainer in self._trainers:
            trainer.prepare()

    def train(self, program: dsl.Program, trial: int, thresholds: Sequence[float]) -> Outcome:
        """As `Trainer.train`."""
        return self.train_many([program], trial, [thresholds])[0]

    def train_many(
        self, programs: Sequence[dsl.Program], trial: int, thresholds: Sequence[Sequence[float]]
    ) -> list[Outcome]:
        """As `Trainer.train_many`, with losses in units of the reference of the trial's task."""
        seed, task = divmod(trial, len(self.tasks))
        reference = self.references[task] if self.references else 1.0
        return [
            outcome if outcome.loss is None else replace(outcome, loss=outcome.loss / reference)
            for outcome in self._trainers[task].train_many(programs, seed, thresholds)
        ]


def trainer_of(tasks: Sequence[Task], machine: str = AUTO) -> Trainer | Combination:
    """What trains programs on a task, or on several: by one machine, with losses as they are until made relative."""
    first = Trainer(tasks[0], machine=machine)
    if len(tasks) == 1:
        return first
    others = [Trainer(task, machine=first.machine.name) for task in tasks[1:]]
    return Combination([first, *others])
