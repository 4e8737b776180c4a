"""apply.py: all of a change or nothing of it, whatever stops the run, and back to the first byte."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path, PurePosixPath

import pytest

from celeryize import exchange
from celeryize.apply import (
    Since,
    applied,
    forget_change,
    interrupted_change,
    last_change,
    load_history,
    not_kept,
    recover,
    state_dir,
    state_since,
    undo_edits,
    undone,
)
from celeryize.errors import CannotPatch, CeleryizeError, Conflict, Unproved, WriteFailed
from celeryize.model import Edit

SETTINGS = b"DEBUG = True\r\nSITE_ID = 1\n"
MANAGE = b"#!/usr/bin/env python\n"


def edit(path: str, before: bytes | None, after: bytes | None) -> Edit:
    return Edit(PurePosixPath(path), before, after)


EDITS = (
    edit("manage.py", MANAGE, MANAGE + b"# new\n"),
    edit("old.py", b"x = 1\n", None),
    edit("settings.py", SETTINGS, SETTINGS + b"CELERY_BROKER_URL = ''\r\n"),
    edit("shop/celery.py", None, b"app = Celery()\n"),
    edit("shop/jobs/__init__.py", None, b""),
    edit("shop/jobs/deep/tasks.py", None, b"import celery\n"),
)


@pytest.fixture(autouse=True)
def state_home(tmp_path, monkeypatch):
    """No test touches the home of the person who runs it, or waits for a disk."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return tmp_path / "state"


@pytest.fixture
def tree(tmp_path):
    return make_tree(tmp_path / "project")


def make_tree(root: Path) -> Path:
    """A project with a script of mode 0755, secret settings behind a symlink, mixed newlines."""
    for path, data, mode in (
        ("manage.py", MANAGE, 0o755),
        ("old.py", b"x = 1\n", 0o640),
        ("conf/prod.py", SETTINGS, 0o600),
        ("shop/__init__.py", b"", 0o644),
    ):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(mode)
    (root / "settings.py").symlink_to("conf/prod.py")
    return root


def snapshot(root: Path) -> dict[str, tuple[str, int, object]]:
    """Every path of the tree with its kind and mode, and its bytes or the place it links to."""
    found = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        content = (
            path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        )
        found[str(path.relative_to(root))] = (stat.filemode(mode)[0], stat.S_IMODE(mode), content)
    return found


def change(root, edits=EDITS, command="init"):
    with applied(edits, root=root, command=command):
        pass


def change_that_fails_its_proof(root):
    with applied(EDITS, root=root, command="init"):
        raise Unproved("it does not import")


def undo(root):
    with undone(last_change(root), root=root):
        pass


# --- every step that changes the disk, counted and broken ---------------------------------------------

STEPS = (
    "open",
    "write",
    "fsync",
    "replace",
    "link",
    "chmod",
    "fchmod",
    "fchown",
    "unlink",
    "mkdir",
)
STEPS += ("rmdir", "setxattr", "ftruncate")
WRITING = os.O_WRONLY | os.O_RDWR


def never(step, name) -> bool:
    return False


@contextmanager
def disk(fate=None, at=never):
    """Count the calls that change the disk, and let `fate` come over those that `at` picks."""
    log: list[str] = []

    def counting(name, real):
        def call(*args, **kwargs):
            if name == "open" and not args[1] & WRITING:
                return real(*args, **kwargs)
            log.append(name)
            if at(len(log), name):
                if name == "write":
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                fate()
            return real(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, counting(name, getattr(os, name)))
        patch.setattr(exchange, "exchange_names", counting("exchange", exchange.exchange_names))
        yield log


@contextmanager
def a_system_that_cannot_exchange_names():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange, "exchange_names", lambda one, other: False)
        yield


def refusal(number):
    def fate():
        raise OSError(number, os.strerror(number))

    return fate


def interrupt():
    raise KeyboardInterrupt


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def in_a_child(run, root, fate=None, at=never) -> int:
    """Run in a process of its own; its exit status, and 0 if nothing stopped it."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException), disk(fate, at):
            run(root)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def interrupted(root):
    """Leave what a kill during the proof leaves: the new tree and a journal."""

    def run(root):
        with applied(EDITS, root=root, command="init"):
            kill()

    assert in_a_child(run, root) == -signal.SIGKILL


def change_without_exchange(root):
    with a_system_that_cannot_exchange_names():
        change(root)


RUNS = {
    "change": (lambda root: None, change),
    "change without exchange": (lambda root: None, change_without_exchange),
    "change that fails its proof": (lambda root: None, change_that_fails_its_proof),
    "undo": (change, undo),
    "recovery": (interrupted, recover),
}


CHANGING = (change, change_without_exchange, undo)


@pytest.fixture(params=RUNS)
def every_step(request, tmp_path):
    """Yields for each step of a run: its number, the prepared tree, the run, the trees it may end in.

    Ends after the run that had fewer steps, so that each has been broken once.
    """
    prepare, run = RUNS[request.param]
    goal = make_tree(tmp_path / "goal")
    old = snapshot(goal)
    change(goal)
    new = snapshot(goal)
    ends = [old, new] if run in CHANGING else [old]

    def trees():
        for step in count(1):
            root = make_tree(tmp_path / f"step-{step}")
            prepare(root)
            done = yield step, root, run, ends
            if done:
                assert step > 15, "too few steps were counted to believe it"
                return

    return trees()


def breaking(every_step, attempt):
    """Drive `every_step`; `attempt(step, root, run, ends)` answers whether the run has no such step."""
    case = next(every_step)
    with suppress(StopIteration):
        while True:
            case = every_step.send(attempt(*case))


def no_journal(root) -> bool:
    return not (state_dir(root) / "journal.json").exists()


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS], ids=errno.errorcode.get
)
def test_an_error_at_any_step_leaves_no_trace(every_step, number):
    def attempt(step, root, run, ends):
        before = snapshot(root)
        raised = None
        with disk(refusal(number), lambda at, name: at == step) as log:
            try:
                run(root)
            except CeleryizeError as error:
                raised = error
        if isinstance(raised, WriteFailed) and run in CHANGING:
            assert snapshot(root) == before, f"step {step}: {log[step - 1]}"
            assert no_journal(root)
            assert os.strerror(number) in raised.message
        recover(root)
        assert snapshot(root) in ends, f"step {step}: {log[-1]}"
        assert no_journal(root)
        return len(log) < step

    breaking(every_step, attempt)


def test_ctrl_c_at_any_step_leaves_the_old_tree_or_the_new_one(every_step):
    def attempt(step, root, run, ends):
        before = snapshot(root)
        stopped = False
        with disk(interrupt, lambda at, name: at == step) as log:
            try:
                run(root)
            except KeyboardInterrupt:
                stopped = True
            except Unproved:
                assert run is change_that_fails_its_proof
        assert stopped == (len(log) >= step)
        if stopped and run in CHANGING and snapshot(root) != before:
            assert no_journal(root)
        recover(root)
        assert snapshot(root) in ends, f"step {step}: {log[-1]}"
        assert no_journal(root)
        return not stopped

    breaking(every_step, attempt)


def test_a_kill_at_any_step_leaves_the_old_tree_or_the_new_one(every_step):
    def attempt(step, root, run, ends):
        status = in_a_child(run, root, kill, lambda at, name: at == step)
        assert status in (0, -signal.SIGKILL)
        was_interrupted = not no_journal(root)
        assert (recover(root) is not None) == was_interrupted
        assert snapshot(root) in ends, f"step {step}"
        assert no_journal(root)
        assert recover(root) is None
        return status == 0

    breaking(every_step, attempt)


def test_a_killed_run_does_not_stop_the_next_one(every_step):
    def attempt(step, root, run, ends):
        status = in_a_child(run, root, kill, lambda at, name: at == step)
        recover(root)
        # A change that was finished is taken back first, an undo that was not is tried again.
        if last_change(root):
            undo(root)
        assert snapshot(root) == ends[0]
        change(root)
        assert last_change(root).command == "init"
        return status == 0

    breaking(every_step, attempt)


def test_a_disk_that_is_full_from_any_step_on_leaves_the_old_tree_or_the_new_one(every_step):
    def attempt(step, root, run, ends):
        with disk(
            refusal(errno.ENOSPC), lambda at, name: at >= step and name in ("open", "write")
        ) as log:
            with suppress(CeleryizeError):
                run(root)
            if run in CHANGING:
                assert snapshot(root) in ends
                assert no_journal(root)
        recover(root)
        assert snapshot(root) in ends
        return len(log) < step

    breaking(every_step, attempt)


def test_a_disk_that_turns_read_only_is_put_right_by_the_next_run(every_step):
    def attempt(step, root, run, ends):
        with (
            disk(refusal(errno.EROFS), lambda at, name: at >= step) as log,
            suppress(CeleryizeError),
        ):
            run(root)
        recover(root)
        assert snapshot(root) in ends
        return len(log) < step

    breaking(every_step, attempt)


def test_ctrl_c_after_the_last_rename_says_that_it_came_too_late(tree):

    def at_the_last(at, name):
        return (state_dir(tree) / "history/000001.json").exists() and name == "fsync"

    with disk(interrupt, at_the_last), pytest.raises(KeyboardInterrupt) as caught:
        change(tree)
    assert caught.value.__notes__ == ["It came too late: `init` is done."]
    assert last_change(tree).command == "init"


def test_ctrl_c_before_it_says_nothing_of_the_kind(tree):
    with (
        disk(interrupt, lambda at, name: name == "replace"),
        pytest.raises(KeyboardInterrupt) as caught,
    ):
        change(tree)
    assert not hasattr(caught.value, "__notes__")
    assert last_change(tree) is None


AUDITED = {"os.rename": "replace", "os.remove": "unlink", "os.mkdir": "mkdir", "os.rmdir": "rmdir"}
AUDITED |= {
    "os.chmod": "fchmod",
    "os.chown": "fchown",
    "os.truncate": "ftruncate",
    "os.link": "link",
}
AUDITED |= {"os.symlink": "?", "os.setxattr": "setxattr"}
heard: Counter[str] | None = None


def listen(event, args):
    if heard is None:
        return
    if event == "open" and args[2] & WRITING:
        heard["open"] += 1
    if event in AUDITED:
        heard[AUDITED[event]] += 1


def test_no_step_that_changes_the_disk_escapes_the_count(tree):
    global heard
    sys.addaudithook(listen)
    heard = Counter()
    try:
        with disk() as log:
            change(tree)
            undo(tree)
            with suppress(Unproved):
                change_that_fails_its_proof(tree)
    finally:
        heard, found = None, heard
    same = {"chmod": "fchmod"}
    assert found == Counter(
        same.get(name, name) for name in log if name not in ("write", "fsync", "exchange")
    )
    assert {"open", "replace", "unlink", "mkdir", "rmdir", "fchmod"} <= set(found)
    assert "exchange" in log or sys.platform != "linux"


@pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="asks Linux for the name of an open file"
)
def test_the_disk_has_each_step_before_the_next_one_relies_on_it(tree, monkeypatch):
    steps: list[tuple[str, Path]] = []

    def noting(name, real, of):
        def call(*args, **kwargs):
            steps.append((name, of(*args)))
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, call)

    noting("fsync", os.fsync, lambda descriptor: Path(f"/proc/self/fd/{descriptor}").readlink())
    noting("replace", os.replace, lambda source, target: Path(target))
    noting("link", os.link, lambda source, target: Path(target))
    noting("mkdir", os.mkdir, lambda folder, *mode: Path(folder))
    real = exchange.exchange_names
    monkeypatch.setattr(
        exchange,
        "exchange_names",
        lambda one, other: (steps.append(("replace", other)), real(one, other))[1],
    )
    change(tree)

    state = state_dir(tree)
    journal = steps.index(("replace", state / "journal.json"))
    assert steps[journal - 1] == ("fsync", state / "journal.json.new")
    assert steps[journal + 1] == ("fsync", state)
    in_tree = [step for step, (name, path) in enumerate(steps) if path.is_relative_to(tree)]
    assert min(in_tree) > journal + 1
    # A new file gets its name by a link, which takes the place of nothing.
    renames = [
        step
        for step in in_tree
        if steps[step][0] in ("replace", "link") and steps[step][1].suffix == ".py"
    ]
    temps = [step for step in in_tree if steps[step][1].suffix == ".tmp"]
    assert len(renames) == len(temps) == 5
    assert max(temps) < min(renames)
    assert all(("fsync", steps[step][1].parent) in steps[step + 1 : step + 3] for step in renames)
    assert steps[-3:] == [
        ("replace", state / "history/000001.json"),
        ("fsync", state / "history"),
        ("fsync", state),
    ]


# --- a change -----------------------------------------------------------------------------------------


def test_a_change_is_on_the_disk_inside_the_block(tree):
    with applied(EDITS, root=tree, command="init"):
        assert (tree / "settings.py").read_bytes().startswith(SETTINGS + b"CELERY")
        assert not (tree / "old.py").exists()


def test_modes_and_symlinks_stay(tree):
    change(tree)
    found = snapshot(tree)
    assert found["settings.py"][::2] == ("l", Path("conf/prod.py"))
    assert found["conf/prod.py"] == ("-", 0o600, SETTINGS + b"CELERY_BROKER_URL = ''\r\n")
    assert found["manage.py"][1] == 0o755


def test_a_new_file_has_the_mode_of_the_umask(tree):
    old = os.umask(0o027)
    try:
        change(tree)
    finally:
        os.umask(old)
    found = snapshot(tree)
    assert found["shop/celery.py"][1] == 0o640
    assert found["shop/jobs"][1] == 0o750


def test_the_tree_shows_nothing_but_the_change(tree):
    before = set(snapshot(tree))
    change(tree)
    made = {
        "shop/celery.py",
        "shop/jobs/__init__.py",
        "shop/jobs/deep/tasks.py",
        "shop/jobs",
        "shop/jobs/deep",
    }
    assert set(snapshot(tree)) == (before - {"old.py"}) | made


def test_edits_that_change_nothing_write_nothing(tree, state_home):
    with disk() as log:
        change(tree, (edit("manage.py", MANAGE, MANAGE),))
    assert log == []
    assert last_change(tree) is None
    assert not state_home.exists()


def test_short_writes_are_continued(tree, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:3]))
    change(tree)
    assert (tree / "manage.py").read_bytes() == MANAGE + b"# new\n"


def test_a_file_system_that_cannot_sync_folders_is_no_obstacle(tree, monkeypatch):
    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", fsync)
    change(tree)
    assert last_change(tree).command == "init"


def test_a_dangling_symlink_stays_one_when_its_file_is_made(tree):
    (tree / "celery.py").symlink_to("conf/celery.py")
    before = snapshot(tree)
    change(tree, (edit("celery.py", None, b"app = 1\n"),))
    assert (tree / "celery.py").readlink() == Path("conf/celery.py")
    assert (tree / "conf/celery.py").read_bytes() == b"app = 1\n"
    undo(tree)
    assert snapshot(tree) == before


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root may give files away")
def test_root_leaves_the_file_to_its_owner(tree):
    os.chown(tree / "manage.py", 1234, 1235)
    change(tree)
    found = (tree / "manage.py").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 1235, 0o755)


# --- leaving the block --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stop", [Unproved("no"), ValueError("bug"), KeyboardInterrupt(), SystemExit(1), OSError(5, "x")]
)
def test_any_exception_in_the_block_restores_all_and_goes_on(tree, stop):
    before = snapshot(tree)
    with pytest.raises(type(stop)) as caught, applied(EDITS, root=tree, command="init"):
        raise stop
    assert caught.value is stop
    assert snapshot(tree) == before
    assert last_change(tree) is None


def test_bytecode_that_the_proof_left_in_a_new_folder_goes_with_it(tree):
    before = snapshot(tree)
    with pytest.raises(Unproved), applied(EDITS, root=tree, command="init"):
        (tree / "shop/jobs/__pycache__").mkdir()
        (tree / "shop/jobs/__pycache__/tasks.cpython-311.pyc").write_bytes(b"x")
        raise Unproved("no")
    assert snapshot(tree) == before


def test_bytecode_behind_a_symlink_is_not_ours(tree):
    elsewhere = tree.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "tasks.cpython-311.pyc").write_bytes(b"x")
    with pytest.raises(Unproved), applied(EDITS, root=tree, command="init"):
        (tree / "shop/jobs/deep/__pycache__").symlink_to(elsewhere)
        raise Unproved("no")
    assert (elsewhere / "tasks.cpython-311.pyc").exists()


def test_a_file_that_somebody_puts_into_a_new_folder_stays(tree):
    with pytest.raises(Unproved), applied(EDITS, root=tree, command="init"):
        (tree / "shop/jobs/notes.txt").write_text("mine")
        raise Unproved("no")
    assert (tree / "shop/jobs/notes.txt").read_text() == "mine"
    assert not (tree / "shop/jobs/__init__.py").exists()


def test_a_save_during_the_proof_is_not_lost(tree):
    with pytest.raises(Unproved) as caught, applied(EDITS, root=tree, command="init"):
        (tree / "manage.py").write_bytes(b"mine\n")
        raise Unproved("no")
    assert (tree / "manage.py").read_bytes() == b"mine\n"
    assert (tree / "settings.py").read_bytes() == SETTINGS
    assert "manage.py was changed by somebody else meanwhile" in caught.value.__notes__[0]
    assert [file.read_bytes() for file in (state_dir(tree) / "kept").iterdir()] == [MANAGE]


# --- what a package manager rewrites ---------------------------------------------------------------

LOCK = PurePosixPath("uv.lock")
REWRITTEN = (LOCK, PurePosixPath("pdm.lock"), PurePosixPath("manage.py"))


def install(root):
    """The manager rewrites a lock file and the manifest, and makes another lock file."""
    (root / "uv.lock").write_bytes(b"new\n")
    (root / "pdm.lock").write_bytes(b"made\n")
    (root / "manage.py").write_bytes(MANAGE + b"# new, and sorted\n")


def with_lock(tree):
    (tree / "uv.lock").write_bytes(b"old\n")
    (tree / "uv.lock").chmod(0o640)
    return snapshot(tree)


def test_what_a_manager_rewrites_is_part_of_the_change_and_of_its_undo(tree):
    before = with_lock(tree)
    with applied(EDITS, root=tree, command="init", generated=REWRITTEN, stays="The packages stay."):
        install(tree)
    change = last_change(tree)
    assert {str(e.path) for e in change.edits} >= {"uv.lock", "pdm.lock", "manage.py"}
    assert (change.stays, change.generated) == ("The packages stay.", ())
    undo(tree)
    assert snapshot(tree) == before


def test_a_failed_install_restores_what_the_manager_had_written(tree):
    before = with_lock(tree)
    with (
        pytest.raises(Unproved),
        applied(EDITS, root=tree, command="init", generated=REWRITTEN),
    ):
        install(tree)
        raise Unproved("no")
    assert snapshot(tree) == before
    kept = [file.read_bytes() for file in (state_dir(tree) / "kept").iterdir()]
    assert sorted(kept) == [MANAGE + b"# new, and sorted\n", b"made\n", b"new\n"]


def test_a_kill_during_the_install_is_rolled_back(tree):
    before = with_lock(tree)

    def run(root):
        with applied(EDITS, root=root, command="init", generated=REWRITTEN):
            install(root)
            kill()

    assert in_a_child(run, tree) == -signal.SIGKILL
    assert recover(tree) == "an interrupted `init` was rolled back"
    assert snapshot(tree) == before


def test_a_manager_that_wrote_nothing_adds_nothing(tree):
    with_lock(tree)
    with applied(EDITS, root=tree, command="init", generated=REWRITTEN):
        pass
    assert last_change(tree).edits == EDITS


def test_the_lock_is_held_as_long_as_somebody_has_its_descriptor(tree):
    with applied(EDITS[:1], root=tree, command="init") as lock:
        holder = subprocess.Popen(["sleep", "60"], pass_fds=(lock,))
    try:
        with pytest.raises(CeleryizeError, match="another celeryize is writing"):
            change(tree, (edit("new.py", None, b""),))
    finally:
        holder.kill()
        holder.wait()
    change(tree, (edit("new.py", None, b""),))


# --- refusals -----------------------------------------------------------------------------------------


def refuses(tree, edits, error, match):
    before = snapshot(tree)
    with pytest.raises(error, match=match) as caught:
        change(tree, edits)
    assert snapshot(tree) == before
    assert last_change(tree) is None
    return caught.value


def test_a_save_between_plan_and_write_is_a_conflict_with_a_diff(tree):
    (tree / "manage.py").write_bytes(b"#!/usr/bin/env python\nmine = 1\n")
    (tree / "old.py").unlink()
    error = refuses(
        tree, EDITS, Conflict, r"manage\.py, old\.py changed since the change was planned"
    )
    assert error.diff == (
        "--- a/manage.py\n+++ b/manage.py\n@@ -1 +1,2 @@\n #!/usr/bin/env python\n+mine = 1\n"
        "--- a/old.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x = 1\n"
    )


def test_a_save_just_before_the_rename_is_not_lost(tree, monkeypatch):
    real = os.write

    def save_late(descriptor, data):
        if bytes(data) == EDITS[-1].after:
            (tree / "settings.py").write_bytes(b"mine\n")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", save_late)
    with pytest.raises(Conflict, match=r"settings\.py"):
        change(tree)
    assert (tree / "settings.py").read_bytes() == b"mine\n"
    assert (tree / "manage.py").read_bytes() == MANAGE
    assert not list(tree.glob(".celeryize*"))


def write_in_place(file, data):
    file.write_bytes(data)


def save_by_rename(file, data):
    """As vim and most editors do."""
    new = file.with_name(f"{file.name}.editor")
    new.write_bytes(data)
    new.rename(file)


def saving(monkeypatch, file, step, data, save=write_in_place):
    """Save `file` in the moment before the call that puts our file in its place, or takes it away."""
    where = exchange if step == "exchange_names" else os
    real = getattr(where, step)
    done = []

    def call(*args, **kwargs):
        if file in [Path(arg) for arg in args if isinstance(arg, (str, Path))] and not done:
            done.append(file)
            save(file, data)
        return real(*args, **kwargs)

    monkeypatch.setattr(where, step, call)
    return done


SAVES = [
    ("manage.py", "exchange_names"),
    ("conf/prod.py", "exchange_names"),
    ("old.py", "replace"),
    ("shop/celery.py", "link"),
]


@pytest.mark.parametrize("save", [write_in_place, save_by_rename])
@pytest.mark.parametrize(("path", "step"), SAVES)
def test_a_save_in_the_moment_of_the_rename_is_not_lost(tree, monkeypatch, path, step, save):
    saved = saving(monkeypatch, tree / path, step, b"mine\n", save)
    with pytest.raises(Conflict, match="changed since"):
        change(tree)
    assert saved
    assert (tree / path).read_bytes() == b"mine\n"
    assert not (tree / "shop/jobs").exists()
    assert not list(tree.rglob(".celeryize*"))
    assert no_journal(tree)


def test_two_saves_in_the_moment_of_the_rename_keep_the_later_one(tree, monkeypatch):
    real, saves = exchange.exchange_names, iter([b"first\n", b"second\n"])

    def call(new, target):
        if target == tree / "manage.py":
            with suppress(StopIteration):
                save_by_rename(target, next(saves))
        return real(new, target)

    monkeypatch.setattr(exchange, "exchange_names", call)
    with pytest.raises(Conflict, match=r"manage\.py changed since"):
        change(tree)
    assert (tree / "manage.py").read_bytes() == b"second\n"


@pytest.mark.parametrize("save", [write_in_place, save_by_rename])
@pytest.mark.parametrize(
    ("path", "step"),
    [*SAVES[:2], ("old.py", "link"), ("shop/celery.py", "replace")],
)
def test_a_save_in_the_moment_of_rolling_back_is_not_lost(tree, monkeypatch, path, step, save):
    saved = []
    with pytest.raises(Unproved) as caught, applied(EDITS, root=tree, command="init"):
        saved = saving(monkeypatch, tree / path, step, b"mine\n", save)
        raise Unproved("it does not import")
    assert saved
    assert (tree / path).read_bytes() == b"mine\n"
    assert f"{path} was changed by somebody else" in caught.value.__notes__[0].replace(
        "settings.py", "conf/prod.py"
    )
    assert not list(tree.rglob(".celeryize*"))
    assert no_journal(tree)


@pytest.mark.parametrize("step", ["exchange_names", "replace", "link"])
@pytest.mark.parametrize("save", [write_in_place, save_by_rename])
def test_a_save_and_a_kill_in_the_moment_of_the_rename_lose_nothing(tree, step, save):
    """The save comes right before a call, the kill right after it: for each call of the kind."""
    where = exchange if step == "exchange_names" else os
    for number in count(1):
        root = make_tree(tree.with_name(f"{step}-{number}"))
        seen = root.with_name(f"{root.name}-saved")

        def run(root, number=number, seen=seen):
            real, calls = getattr(where, step), count(1)

            def call(*args):
                inside = [Path(arg) for arg in args if str(arg).startswith(f"{root}/")]
                ours = [path for path in inside if path.suffix == ".py"]
                at = next(calls) if ours else 0
                if at == number:
                    save(ours[-1], b"mine\n")
                    seen.write_text(str(ours[-1]))
                found = real(*args)
                if at == number:
                    kill()
                return found

            setattr(where, step, call)
            change(root)

        in_a_child(run, root)
        recover(root)
        assert not list(root.rglob(".celeryize*"))
        if not seen.exists():
            break
        saved = Path(seen.read_text())
        assert saved.read_bytes() == b"mine\n", f"call {number}: {saved}"
    assert number > 1


def test_a_file_with_two_names_stays_one_file(tree):
    os.link(tree / "manage.py", tree / "second.py")
    change(tree)
    assert (tree / "second.py").read_bytes() == MANAGE + b"# new\n"
    assert (tree / "second.py").samefile(tree / "manage.py")
    undo(tree)
    assert (tree / "second.py").read_bytes() == MANAGE
    assert (tree / "second.py").samefile(tree / "manage.py")


def test_a_kill_while_a_file_with_two_names_is_written_is_rolled_back(tree):
    for number in count(1):
        root = make_tree(tree.with_name(f"step-{number}"))
        os.link(root / "manage.py", root / "second.py")
        before = snapshot(root)
        status = in_a_child(change, root, kill, lambda at, name, number=number: at == number)
        recover(root)
        ends = [before[path][2] for path in ("manage.py", "second.py")]
        if last_change(root):
            ends = [MANAGE + b"# new\n"] * 2
        assert [(root / path).read_bytes() for path in ("manage.py", "second.py")] == ends, (
            f"step {number}"
        )
        if status == 0:
            break


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="extended attributes are Linux's")
def test_extended_attributes_are_kept(tree):
    try:
        os.setxattr(tree / "manage.py", "user.note", b"mine")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    change(tree)
    assert os.getxattr(tree / "manage.py", "user.note") == b"mine"
    undo(tree)
    assert os.getxattr(tree / "manage.py", "user.note") == b"mine"


def test_secret_settings_are_secret_before_their_first_byte(tree, monkeypatch):
    modes = []
    real = os.write

    def write(descriptor, data):
        if bytes(data).startswith(SETTINGS):
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    change(tree)
    assert modes == [0o600]


def test_an_owner_that_cannot_be_kept_is_said_before(tree, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    assert not_kept(EDITS[:1], tree) == (
        f"manage.py belongs to another user (uid {os.getuid()}) and will belong to you",
    )
    monkeypatch.setattr(os, "geteuid", os.getuid)
    assert not_kept(EDITS, tree) == ()


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP], ids=errno.errorcode.get)
def test_a_file_system_without_links_is_no_obstacle(tree, number):
    with disk(refusal(number), lambda at, name: name == "link"):
        change(tree)
    assert (tree / "manage.py").read_bytes() == MANAGE + b"# new\n"
    assert (tree / "shop/celery.py").read_bytes() == b"app = Celery()\n"
    assert not list(tree.rglob(".celeryize*"))


def test_a_new_file_that_came_and_went_is_no_silent_success(tree):
    with (
        disk(refusal(errno.EEXIST), lambda at, name: name == "link"),
        pytest.raises(Conflict, match=r"celery\.py"),
    ):
        change(tree)
    assert not (tree / "shop/celery.py").exists()
    assert (tree / "manage.py").read_bytes() == MANAGE
    assert not list(tree.rglob(".celeryize*"))


def test_a_new_file_that_is_there_already_is_a_conflict(tree):
    (tree / "shop/celery.py").write_bytes(b"mine")
    error = refuses(tree, EDITS, Conflict, r"shop/celery\.py")
    assert error.diff.endswith("+mine\n\\ No newline at end of file\n")


@pytest.mark.parametrize(
    "path", ["../out.py", "shop/../../out.py", "/out.py", "away/out.py", "link.py", "loop.py"]
)
def test_a_path_that_leads_out_of_the_project_is_refused(tree, path):
    outside = tree.with_name("outside")
    outside.mkdir()
    (tree / "away").symlink_to(outside)
    (tree / "link.py").symlink_to(outside / "out.py")
    (tree / "loop.py").symlink_to("loop.py")
    refuses(tree, (*EDITS, edit(path, None, b"x")), CannotPatch, "leads")
    assert list(outside.iterdir()) == []


def test_two_paths_to_one_file_are_refused(tree):
    both = (edit("settings.py", SETTINGS, b"a\n"), edit("conf/prod.py", SETTINGS, b"b\n"))
    refuses(tree, both, CannotPatch, r"conf/prod\.py and settings\.py are the same file")


def test_a_read_only_file_is_refused_although_a_rename_would_do(tree, monkeypatch):
    monkeypatch.setattr(os, "access", lambda file, how: Path(file).name != "manage.py")
    error = refuses(tree, EDITS, WriteFailed, r"manage\.py cannot be written: Permission denied")
    assert "writable" in error.hint


def test_a_folder_in_place_of_the_file_is_refused(tree):
    (tree / "shop/celery.py").mkdir()
    refuses(tree, EDITS, WriteFailed, r"shop/celery\.py cannot be read: Is a directory")


def test_without_a_place_for_the_journal_nothing_is_written(tree, state_home):
    state_home.write_text("a file where the folder should be")
    refuses(tree, EDITS, WriteFailed, "state")


def test_a_journal_inside_of_the_project_is_refused(tree, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tree / "state"))
    refuses(tree, EDITS, WriteFailed, "inside the project")


def test_a_second_run_at_once_is_refused(tree):
    with applied(EDITS, root=tree, command="init"):
        second = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from celeryize.apply import applied, recover\n"
                "from celeryize.model import Edit\n"
                "root = Path(sys.argv[1]); assert recover(root) is None\n"
                "with applied([Edit(Path('a.py'), None, b'')], root=root, command='init'): pass",
                str(tree),
            ],
            capture_output=True,
            text=True,
        )
        assert second.stderr.endswith("AnotherRun: another celeryize is writing in this project\n")
        assert not (tree / "a.py").exists()
    assert last_change(tree).command == "init"


def test_a_change_over_an_interrupted_one_is_refused(tree):
    interrupted(tree)
    with pytest.raises(CeleryizeError, match="interrupted"):
        change(tree, (edit("new.py", None, b""),))
    assert recover(tree) == "an interrupted `init` was rolled back"
    change(tree, (edit("new.py", None, b""),))


# --- recovery -----------------------------------------------------------------------------------------


def test_nothing_to_recover_is_silence_and_makes_no_folder(tree, state_home):
    assert recover(tree) is None
    assert not state_home.exists()


def test_recovery_keeps_what_the_user_saved_since_and_a_copy_of_the_bytes_before(tree):
    interrupted(tree)
    (tree / "manage.py").write_bytes(b"mine\n")
    (tree / "shop/celery.py").write_bytes(b"mine, too\n")
    said = recover(tree)
    [copy] = (state_dir(tree) / "kept").iterdir()
    assert (tree / "manage.py").read_bytes() == b"mine\n"
    assert (tree / "shop/celery.py").read_bytes() == b"mine, too\n"
    assert (tree / "settings.py").read_bytes() == SETTINGS
    assert copy.read_bytes() == MANAGE
    assert "manage.py was changed by somebody else meanwhile and stays as it is now" in said
    assert f"(its bytes from before are in {copy})" in said
    assert recover(tree) is None


def test_a_folder_in_place_of_a_file_does_not_stop_the_recovery(tree):
    interrupted(tree)
    (tree / "manage.py").unlink()
    (tree / "manage.py").mkdir()
    assert "manage.py was changed" in recover(tree)
    assert (tree / "settings.py").read_bytes() == SETTINGS


def test_a_journal_that_cannot_be_understood_is_named(tree):
    interrupted(tree)
    (state_dir(tree) / "journal.json").write_text('{"format": 99}')
    with pytest.raises(CeleryizeError, match=r"journal\.json cannot be understood: format 99"):
        recover(tree)


# --- undo ---------------------------------------------------------------------------------------------


def test_three_changes_undone_in_reverse_end_at_the_first_byte_and_mode(tree):
    trees = [snapshot(tree)]
    for edits in (
        EDITS,
        (
            edit("shop/celery.py", b"app = Celery()\n", b"app = 2\n"),
            edit("old.py", None, b"again\n"),
        ),
        (
            edit("shop/celery.py", b"app = 2\n", None),
            edit("manage.py", MANAGE + b"# new\n", MANAGE),
        ),
    ):
        change(tree, edits)
        trees.append(snapshot(tree))
    while last_change(tree):
        assert snapshot(tree) == trees.pop()
        undo(tree)
    assert [snapshot(tree)] == trees


def test_an_undo_can_be_looked_at_before(tree):
    change(tree)
    before = snapshot(tree)
    found = last_change(tree)
    assert (found.command, found.edits) == ("init", EDITS)
    assert undo_edits(found, tree) == tuple(edit(str(e.path), e.after, e.before) for e in EDITS)
    assert snapshot(tree) == before


def test_an_undo_after_an_edit_of_the_user_is_refused_with_a_diff_of_all_files(tree):
    change(tree)
    (tree / "manage.py").write_bytes(b"# new, and mine\n")
    (tree / "shop/celery.py").write_bytes(b"app = Celery()\nmine = 1\n")
    before = snapshot(tree)
    with pytest.raises(
        Conflict, match=r"manage\.py, shop/celery\.py changed since `init` wrote it"
    ) as caught:
        undo(tree)
    assert "+mine = 1\n" in caught.value.diff
    assert "+# new, and mine\n" in caught.value.diff
    assert snapshot(tree) == before
    assert last_change(tree) is not None


def test_an_undo_after_a_formatter_gives_back_the_bytes_from_before(tree):
    before = snapshot(tree)
    change(tree)
    file = tree / "shop/jobs/deep/tasks.py"
    file.write_bytes(b"import   celery\n\n")
    assert {f.since for f in state_since(last_change(tree), tree)} == {
        Since.AS_WRITTEN,
        Since.REFORMATTED,
    }
    undo(tree)
    assert snapshot(tree) == before


def test_an_undo_around_later_edits_is_done_or_not_at_whatever_step_it_is_killed(tmp_path):
    def edited(name: str) -> Path:
        root = make_tree(tmp_path / name)
        change(root)
        (root / "settings.py").write_bytes(b"MINE = 1\n" + (root / "settings.py").read_bytes())
        (root / "manage.py").write_bytes(b"# mine\n" + (root / "manage.py").read_bytes())
        return root

    goal = edited("goal")
    ends = [snapshot(goal)]
    undo(goal)
    ends.append(snapshot(goal))
    assert (goal / "settings.py").read_bytes() == b"MINE = 1\n" + SETTINGS
    for step in count(1):
        root = edited(f"step-{step}")
        status = in_a_child(undo, root, kill, lambda at, name, step=step: at == step)
        recover(root)
        assert snapshot(root) in ends, f"step {step}"
        if snapshot(root) == ends[0]:
            undo(root)
        assert snapshot(root) == ends[1]
        if status == 0:
            assert step > 15, "too few steps were counted to believe it"
            return


def test_a_file_that_is_gone_is_named(tree):
    change(tree)
    (tree / "manage.py").unlink()
    assert Since.GONE in {f.since for f in state_since(last_change(tree), tree)}
    with pytest.raises(Conflict, match=r"manage\.py changed since"):
        undo(tree)


def test_a_change_that_git_took_back_stays_in_the_history_until_it_is_forgotten(tree):
    change(tree, EDITS[:1])
    (tree / "manage.py").write_bytes(MANAGE)
    found = last_change(tree)
    assert {f.since for f in state_since(found, tree)} == {Since.BACK}
    assert last_change(tree) == found
    forget_change(found, tree)
    assert last_change(tree) is None


def test_a_file_that_the_user_took_back_already_is_no_obstacle(tree):
    before = snapshot(tree)
    change(tree)
    (tree / "manage.py").write_bytes(MANAGE)
    undo(tree)
    assert snapshot(tree) == before
    assert last_change(tree) is None


def test_an_undo_that_fails_its_proof_changes_nothing(tree):
    change(tree)
    (tree / "shop/jobs/deep").chmod(0o700)
    before = snapshot(tree)
    with pytest.raises(Unproved), undone(last_change(tree), root=tree):
        raise Unproved("no")
    assert snapshot(tree) == before
    assert last_change(tree).command == "init"


def test_a_folder_of_ours_with_a_file_of_the_user_outlives_the_undo(tree):
    change(tree)
    (tree / "shop/jobs/notes.txt").write_text("mine")
    undo(tree)
    assert (tree / "shop/jobs/notes.txt").read_text() == "mine"
    assert not (tree / "shop/jobs/deep").exists()


def test_only_the_last_change_can_be_undone(tree):
    change(tree)
    first = last_change(tree)
    change(tree, (edit("new.py", None, b""),), "add-task")
    with pytest.raises(Conflict, match="another change came after"), undone(first, root=tree):
        pytest.fail("the block must not start")


def test_the_last_twenty_changes_are_remembered(tree):
    for number in range(25):
        change(tree, (edit(f"new_{number}.py", None, b""),), f"add-task {number}")
    undone_commands = []
    while found := last_change(tree):
        undone_commands.append(found.command)
        undo(tree)
    assert undone_commands == [f"add-task {number}" for number in range(24, 4, -1)]
    assert load_history(tree).truncated


# --- the state folder ---------------------------------------------------------------------------------


def git(*arguments, cwd):
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
        cwd=cwd,
        check=True,
        capture_output=True,
    )


def test_the_state_is_in_the_git_directory_and_git_does_not_see_it(tree):
    git("init", cwd=tree)
    git("add", ".", cwd=tree)
    git("commit", "-m", "x", cwd=tree)
    change(tree, EDITS[:1])
    assert state_dir(tree) == tree / ".git/celeryize"
    assert last_change(tree) is not None
    status = subprocess.run(
        ["git", "status", "--short"], cwd=tree, capture_output=True, text=True, check=True
    )
    assert status.stdout == " M manage.py\n"


def test_a_git_worktree_has_a_state_of_its_own(tree):
    git("init", cwd=tree)
    git("commit", "--allow-empty", "-m", "x", cwd=tree)
    git("worktree", "add", "../second", cwd=tree)
    assert state_dir(tree.with_name("second")) == tree / ".git/worktrees/second/celeryize"


def test_two_projects_in_one_work_tree_have_two_states_in_it(tree):
    git("init", cwd=tree)
    states = {state_dir(tree), state_dir(tree / "shop"), state_dir(tree / "conf")}
    assert len(states) == 3
    assert all(state.is_relative_to(tree / ".git/celeryize") for state in states)


def test_a_folder_named_git_that_is_no_git_directory_is_not_used(tree, state_home):
    (tree / ".git").mkdir()
    assert state_dir(tree).is_relative_to(state_home)


def test_without_git_two_projects_have_two_states_at_home(tree, monkeypatch):
    monkeypatch.setenv("HOME", str(tree.parent / "home"))
    monkeypatch.delenv("XDG_STATE_HOME")
    assert state_dir(tree).parent == tree.parent / "home/.local/state/celeryize"
    assert state_dir(tree) != state_dir(tree / "shop")


def test_only_the_user_can_read_the_state(tree, state_home):
    change(tree)
    change_that_fails = snapshot(state_home)
    assert {mode for kind, mode, _ in change_that_fails.values() if kind == "d"} == {0o700}
    assert {mode for kind, mode, _ in change_that_fails.values() if kind == "-"} == {0o600}


def test_the_history_is_found_after_git_init(tree):
    change(tree)
    git("init", cwd=tree)
    assert last_change(tree).command == "init"
    undo(tree)
    assert (tree / "manage.py").read_bytes() == MANAGE


@pytest.mark.parametrize("with_git", [False, True])
def test_a_journal_is_found_after_a_move(tree, with_git):
    if with_git:
        git("init", cwd=tree.parent)
    before = snapshot(tree)
    interrupted(tree)
    moved = tree.rename(tree.with_name("moved"))
    assert recover(moved) == "an interrupted `init` was rolled back"
    assert snapshot(moved) == before


def test_a_journal_is_found_after_git_init(tree):
    before = snapshot(tree)
    interrupted(tree)
    git("init", cwd=tree)
    assert recover(tree) == "an interrupted `init` was rolled back"
    assert {k: v for k, v in snapshot(tree).items() if not k.startswith(".git")} == before


def test_a_copy_does_not_follow_the_journal_of_the_original(tree):
    git("init", cwd=tree)
    interrupted(tree)
    copy = tree.with_name("copy")
    subprocess.run(["cp", "-a", str(tree), str(copy)], check=True)
    before = snapshot(copy)
    assert interrupted_change(copy) is None
    with pytest.raises(CeleryizeError, match=f"was interrupted in {tree}") as caught:
        recover(copy)
    assert "journal.json" in caught.value.hint
    assert snapshot(copy) == before
    assert recover(tree) == "an interrupted `init` was rolled back"


def test_a_copied_work_tree_does_not_use_the_state_of_the_original(tree):
    git("init", cwd=tree)
    git("commit", "--allow-empty", "-m", "x", cwd=tree)
    git("worktree", "add", "../second", cwd=tree)
    second, copy = tree.with_name("second"), tree.with_name("third")
    subprocess.run(["cp", "-a", str(second), str(copy)], check=True)
    assert state_dir(second).is_relative_to(tree / ".git")
    assert not state_dir(copy).is_relative_to(tree / ".git")


def test_an_archive_whose_git_file_names_another_repository_does_not_reach_it(tree, state_home):
    victim = make_tree(tree.with_name("victim"))
    git("init", cwd=victim)
    (tree / ".git").write_text(f"gitdir: {victim}/.git\n")
    change(tree)
    assert state_dir(tree).is_relative_to(state_home)
    assert not (victim / ".git/celeryize").exists()


def test_a_submodule_has_its_state_in_its_own_git_directory(tree):
    other = make_tree(tree.with_name("other"))
    git("init", cwd=other)
    git("commit", "--allow-empty", "-m", "x", cwd=other)
    git("init", cwd=tree)
    git("-c", "protocol.file.allow=always", "submodule", "add", str(other), "sub", cwd=tree)
    assert state_dir(tree / "sub") == tree / ".git/modules/sub/celeryize"


def test_what_was_committed_since_is_not_rolled_back(tree):
    git("init", cwd=tree)
    git("add", ".", cwd=tree)
    git("commit", "-m", "before", cwd=tree)
    interrupted(tree)
    git("add", ".", cwd=tree)
    git("commit", "-m", "with celery", cwd=tree)
    before = snapshot(tree)
    assert "committed since: nothing was rolled back" in recover(tree)
    assert {k: v for k, v in snapshot(tree).items() if not k.startswith(".git")} == {
        k: v for k, v in before.items() if not k.startswith(".git")
    }
    assert last_change(tree).command == "init"
    assert recover(tree) is None


def test_an_interrupted_change_can_be_named_without_writing(tree):
    assert interrupted_change(tree) is None
    interrupted(tree)
    before = snapshot(tree.parent)
    assert (
        interrupted_change(tree)
        == "`init` was interrupted; the next command that may write rolls it back"
    )
    assert snapshot(tree.parent) == before


# --- a state of somebody else -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "history", "journal.json", "lock", "kept", "place.json"])
def test_a_state_that_is_a_link_is_refused(tree, name):
    change(tree, EDITS[:1])
    part = state_dir(tree) / name if name else state_dir(tree)
    elsewhere = tree.with_name("elsewhere")
    if part.exists():
        part.rename(elsewhere)
    else:
        elsewhere.touch()
    part.symlink_to(elsewhere)
    before = snapshot(tree)
    for run in (recover, last_change, change):
        with pytest.raises(CeleryizeError, match="is a link"):
            run(tree)
    assert snapshot(tree) == before
    assert interrupted_change(tree) is None


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root may give files away")
def test_a_state_of_another_user_is_refused_unless_the_project_is_theirs(tree):
    interrupted(tree)
    os.chown(state_dir(tree) / "journal.json", 4321, 4321)
    with pytest.raises(CeleryizeError, match=r"belongs to another user \(uid 4321\)"):
        recover(tree)
    os.chown(tree, 4321, 4321)
    assert recover(tree) == "an interrupted `init` was rolled back"


def test_a_journal_gives_no_set_uid_file(tree):
    with suppress(KeyboardInterrupt), applied(EDITS[:1], root=tree, command="init"):
        journal = state_dir(tree) / "journal.json"
        text = journal.read_text()
        raise KeyboardInterrupt
    journal.write_text(text.replace(f'"mode": {0o755}', f'"mode": {0o4755}'))
    (tree / "manage.py").write_bytes(EDITS[0].after)
    recover(tree)
    assert stat.S_IMODE((tree / "manage.py").stat().st_mode) == 0o755


def test_a_history_of_0_1_0_is_undone(tree):
    change(tree, EDITS[:1])
    entry = state_dir(tree) / "history/000001.json"
    record = json.loads(entry.read_text())
    del record["place"]
    for file in record["files"]:
        del file["kept"]["attributes"], file["kept"]["links"]
    entry.write_text(json.dumps(record | {"format": 1}))
    undo(tree)
    assert (tree / "manage.py").read_bytes() == MANAGE


@pytest.mark.parametrize("text", ["[]", "null", "[" * 100_000, '{"format": 2}', "\x00", '"x"'])
def test_a_journal_of_nonsense_is_named(tree, text):
    interrupted(tree)
    (state_dir(tree) / "journal.json").write_text(text)
    with pytest.raises(CeleryizeError, match=r"journal\.json cannot be understood"):
        recover(tree)


# --- a journal that came with somebody's archive ------------------------------------------------------


def forged(tree, **change):
    """A journal in the tree's state that says what a run of ours would not."""
    with suppress(KeyboardInterrupt), applied(EDITS, root=tree, command="init"):
        journal = state_dir(tree) / "journal.json"
        text = journal.read_text()
        raise KeyboardInterrupt
    journal.write_text(json.dumps(json.loads(text) | change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"made": ["../outside"]}, "leads out of the project"),
        ({"removed": [["../outside", 0o777]]}, "leads out of the project"),
        (
            {"files": [{"path": "/a.py", "before": None, "after": None, "kept": None, "temp": ""}]},
            "leads out",
        ),
        (
            {
                "files": [
                    {
                        "path": "a.py",
                        "before": None,
                        "after": None,
                        "kept": None,
                        "temp": "manage.py",
                    }
                ]
            },
            "no temp",
        ),
        ({"made": 1}, "not iterable"),
    ],
)
def test_a_journal_that_leads_out_of_the_project_is_not_followed(tree, change, words):
    tree.with_name("outside").mkdir(mode=0o700)
    forged(tree, **change)
    before = snapshot(tree.parent)
    with pytest.raises(CeleryizeError, match=words):
        recover(tree)
    assert snapshot(tree.parent) == before


def test_a_journal_that_leads_out_through_a_symlink_is_not_followed_there(tree):
    outside = tree.with_name("outside")
    (outside / "empty").mkdir(mode=0o700, parents=True)
    (tree / "away").symlink_to(outside)
    forged(
        tree, files=[], made=["away/empty"], removed=[["away/empty", 0o777], ["away/new", 0o777]]
    )
    before = snapshot(outside)
    assert recover(tree) == "an interrupted `init` was rolled back"
    assert snapshot(outside) == before
