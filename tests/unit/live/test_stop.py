"""live/stop.py: the times of a rehearsal, and the command line and environment of its process."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from celeryize.live.stop import StopCase, in_shell, own_environment, own_words, scale_times


@pytest.mark.parametrize("task", [1, 16, 3600])
@pytest.mark.parametrize("soft", [None, 0, 6, 9.5, 20, 600])
@pytest.mark.parametrize("grace", [2, 10, 30, 90, 700])
def test_scaled_times_keep_their_order_and_are_short(task, soft, grace):
    scaled = scale_times(task, soft, grace)
    pairs = [(task, scaled.task), (grace, scaled.grace)]
    if soft is not None:
        pairs.append((soft, scaled.soft))
    for (one, one_scaled), (other, other_scaled) in combinations(pairs, 2):
        assert (one < other) == (one_scaled < other_scaled), "the order"
        assert (one == other) == (one_scaled == other_scaled)
        if abs(one - other) <= 4:
            assert abs(one - other) == pytest.approx(abs(one_scaled - other_scaled))
    assert max(value for _, value in pairs) <= 12


def case(*words: str, role: str = "worker", **more: object) -> StopCase:
    return StopCase(role=role, spec="config", words=words, folder=Path("/project"), **more)


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (("-A", "config", "worker", "-l", "INFO"), ["-l", "INFO"]),
        (("--app=config", "worker", "-Qmails", "-c4", "-P", "solo"), ["-P", "solo"]),
        (("-A", "config", "worker", "--queues", "a,b", "--pidfile=/run/x", "-D"), []),
        (("-A", "config", "worker", "-B", "-s", "/data/schedule", "-O", "fair"), ["-O", "fair"]),
        (("worker", "-n", "w1@%h", "--uid", "celery", "--loglevel=info"), ["--loglevel=info"]),
        (("-b", "redis://production/0", "-A", "config", "worker", "-f", "/var/log/x"), []),
        (("worker", "--without-gossip", "--autoscale=10,3"), []),
    ],
)
def test_a_worker_keeps_what_is_about_itself_alone(words, kept):
    made = own_words(case(*words), "our-queue", Path("/scratch"))
    assert made[:3] == ["-A", "config", "worker"]
    assert made[3 : 3 + len(kept)] == kept
    assert made[3 + len(kept) : 5 + len(kept)] == ["-Q", "our-queue"]
    assert not [word for word in made if "production" in word or "/run/x" in word or word == "-D"]


def test_beat_writes_into_our_folder():
    words = ("-A", "config", "beat", "-s", "/data/schedule", "-S", "django", "-l", "INFO")
    made = own_words(case(*words, role="beat"), "our-queue", Path("/scratch"))
    assert made == ["-A", "config", "beat", "-l", "INFO", "--pidfile=", "-s", "/scratch/schedule"]


def test_no_variable_leads_to_the_broker_of_the_project(monkeypatch):
    for name in ("CELERY_BROKER_URL", "BROKER_URL", "CELERY_RESULT_BACKEND", "CELERY_WORKER_POOL"):
        monkeypatch.setenv(name, "of the shell")
    monkeypatch.setenv("REMAP_SIGTERM", "SIGQUIT")
    given = (
        ("CELERY_BROKER_READ_URL", "redis://redis/0"),
        ("CELERY_BROKER_URL", "redis://redis/0"),
    )
    given = (*given, ("DEBUG", "0"), ("HEALTH", "/tmp"))
    made = own_environment(case(environment=given), Path("/scratch"))
    assert made["HEALTH"] == made["TMPDIR"] == "/scratch"
    assert not [name for name in made if "BROKER" in name or name.startswith("CELERY_")]
    assert "REMAP_SIGTERM" not in made, "the shell's own is not the file's"
    assert made["DEBUG"] == "0"


def test_remapping_is_that_of_the_file():
    remapped = case(environment=(("REMAP_SIGTERM", "SIGQUIT"),))
    assert remapped.remapped and not case().remapped
    assert own_environment(remapped, Path("/scratch"))["REMAP_SIGTERM"] == "SIGQUIT"


def test_a_shell_stays_in_front_of_the_command():
    assert in_shell(["python", "x"], "") == ["python", "x"]
    for what in ("ignores", "dies"):
        command = in_shell(["python", "x"], what)
        assert command[0] == "/bin/sh" and command[-2:] == ["python", "x"]
    assert "trap" in in_shell(["x"], "ignores")[2] and "trap" not in in_shell(["x"], "dies")[2]
