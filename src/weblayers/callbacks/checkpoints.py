"""Callbacks that save: the model now and then, or a training that goes on after an interruption."""

from __future__ import annotations

import warnings
from typing import Any

from ..io import registry, snapshots, topology
from .base import Callback
from .monitors import Monitor


class _Rhythm:
    """Every epoch, or every so many batches."""

    def __init__(self, owner: str, save_freq: str | int) -> None:
        whole = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not whole:
            raise ValueError(f"{owner}: save_freq must be 'epoch' or a number of batches, got {save_freq!r}")
        self.batches = save_freq if isinstance(save_freq, int) else None
        self._seen = 0

    def is_due(self) -> bool:
        """Count a batch; says whether it is time."""
        self._seen += 1
        return self.batches is not None and self._seen % self.batches == 0


class ModelCheckpoint(Monitor):
    """Saves the model after epochs.

    Args:
        filepath: where to: any path or URL that ``model.save`` takes, ``indexeddb://name`` for example. ``{epoch}``,
            ``{batch}`` and the names of logged values are replaced, with formats: ``"{epoch:02d}-{val_loss:.2f}"``.
        monitor: the logged value that tells which model is best.
        verbose: 1 prints what is saved.
        save_best_only: whether to save only what is better than everything before.
        save_weights_only: whether to save only the weights; otherwise loss, metrics and the optimizer are saved too.
        mode: ``"min"``, ``"max"`` or ``"auto"``, see :class:`Monitor`.
        save_freq: ``"epoch"``, or after how many batches to save; training goes on meanwhile, so that the weights may
            be a few batches ahead of the logs.
        initial_value_threshold: what the value has to be better than at first.

    A save that fails leaves what was saved before, and ends training with its error.

    >>> import weblayers as wl
    >>> wl.callbacks.ModelCheckpoint("indexeddb://best", save_best_only=True).filepath
    'indexeddb://best'
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath, self.verbose = filepath, verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq = save_freq
        self.best = self.worst if initial_value_threshold is None else initial_value_threshold
        self._rhythm = _Rhythm("ModelCheckpoint", save_freq)
        self._epoch = 0
        if self._rhythm.batches:
            # only then: who watches batches is told of each
            self.on_batch_end = self._after_batch

    def on_train_begin(self, logs: dict[str, float]) -> None:
        if not self.save_weights_only:
            # what cannot be saved is to fail now, and not after an epoch
            topology.topology_of(self.model)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        self._epoch = epoch

    async def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if self._rhythm.batches is None:
            await self._save({"epoch": epoch + 1, **logs})

    async def _after_batch(self, batch: int, logs: dict[str, float]) -> None:
        if self._rhythm.is_due():
            await self._save({**logs, "epoch": self._epoch + 1, "batch": batch + 1})

    async def _save(self, logs: dict[str, Any]) -> None:
        if self.save_best_only:
            value = self.value(logs)
            if value is None or not self.better(value, self.best):
                return
            self.best = value
        target = self._target(logs)
        if self.save_weights_only:
            await self.model.save_weights(target)
        else:
            await self.model.save(target, include_optimizer=True)
        if self.verbose:
            print(f"Epoch {logs['epoch']}: saved to {target}")

    def _target(self, logs: dict[str, Any]) -> Any:
        if not isinstance(self.filepath, str):
            return self.filepath
        try:
            return self.filepath.format(**logs)
        except (KeyError, IndexError) as error:
            known = ", ".join(logs)
            raise ValueError(
                f"ModelCheckpoint: filepath {self.filepath!r} asks for {error}, but there is {known}"
            ) from None


class BackupAndRestore(Callback):
    """Training that survives an interruption, such as a page that is reloaded.

    The state is saved after epochs. A program that runs again, with the same model and this callback, goes on with the
    epoch after the last that was saved: with weights, optimizer, shuffling and dropout as if nothing had happened, if
    the program begins with ``wl.set_random_seed``.

    Args:
        backup_dir: where to: any path or URL that ``model.save`` takes, ``indexeddb://name`` for example.
        save_freq: ``"epoch"``, or after how many batches to save; the epoch that was interrupted then begins again with
            what it had learned.
        delete_checkpoint: whether the end of training removes the backup.

    Storage that refuses, or is full, is a warning: training goes on.

    >>> import weblayers as wl
    >>> wl.callbacks.BackupAndRestore("indexeddb://backup").backup_dir
    'indexeddb://backup'
    """

    def __init__(self, backup_dir: Any, save_freq: str | int = "epoch", delete_checkpoint: bool = True) -> None:
        self.backup_dir, self.save_freq, self.delete_checkpoint = backup_dir, save_freq, delete_checkpoint
        self._rhythm = _Rhythm("BackupAndRestore", save_freq)
        self._epoch = 0
        self._saved = False
        if self._rhythm.batches:
            self.on_batch_end = self._after_batch

    async def on_train_begin(self, logs: dict[str, float]) -> None:
        notes = None
        try:
            notes = await snapshots.restore_snapshot(self.model, self.backup_dir)
        except OSError as error:
            self._warn("there is no looking for a backup", error)
        if notes is not None:
            self._saved = True
            self.params["initial_epoch"] = max(self.params["initial_epoch"], int(notes["epoch"]))

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        self._epoch = epoch

    async def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        await self._save(epoch + 1)

    async def _after_batch(self, batch: int, logs: dict[str, float]) -> None:
        if self._rhythm.is_due():
            await self._save(self._epoch)

    async def _save(self, epoch: int) -> None:
        try:
            await snapshots.save_snapshot(self.model, self.backup_dir, {"epoch": epoch})
            self._saved = True
        except OSError as error:
            self._warn(f"training is not backed up before epoch {epoch + 1}", error)

    def _warn(self, what: str, error: OSError) -> None:
        warnings.warn(f"BackupAndRestore: {what}, and goes on: {error}", stacklevel=2)

    async def on_train_end(self, logs: dict[str, float]) -> None:
        if self.delete_checkpoint and self._saved and isinstance(self.backup_dir, str):
            try:
                await registry.remove_model(self.backup_dir)
            except OSError as error:
                self._warn("the backup is still there", error)
            self._saved = False
