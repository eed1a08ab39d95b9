"""What happens beside training: stopping, saving, reporting. See :class:`Callback` for callbacks of your own."""

from __future__ import annotations

from .. import naming
from .base import Callback, CallbackList, CustomCallback, register_callback_constructor
from .checkpoints import BackupAndRestore, ModelCheckpoint
from .monitors import EarlyStopping, Monitor, ReduceLROnPlateau, TerminateOnNaN
from .reports import CSVLogger, History, ProgressBar, ProgressLine
from .schedules import LearningRateScheduler

early_stopping = EarlyStopping
LambdaCallback = CustomCallback

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "CustomCallback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "Monitor",
    "ProgressBar",
    "ProgressLine",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
    "early_stopping",
    "register_callback_constructor",
]

__getattr__ = naming.module_getattr(__name__, globals())
