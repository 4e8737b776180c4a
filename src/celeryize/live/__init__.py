"""A real worker and a real Beat run the project's app on a queue of their own; nothing of it is
left."""

from celeryize.live.report import LiveReport, StepOutcome, StepResult
from celeryize.live.run import Broker, live

__all__ = ["Broker", "LiveReport", "StepOutcome", "StepResult", "live"]
