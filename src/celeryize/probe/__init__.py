"""Looking at the project from inside its own interpreter, with planned bytes overlaid."""

from celeryize.probe.run import Preview, Prober, Target
from celeryize.probe.sight import AppSight, BeatSight, Failure, Sight, TaskSight

__all__ = ["AppSight", "BeatSight", "Failure", "Preview", "Prober", "Sight", "Target", "TaskSight"]
