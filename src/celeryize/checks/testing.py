"""What the project's own tests do with tasks: they send them for real, or never run them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from celeryize.checks.calls import SENDS
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import SENDERS
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, is_true
from celeryize.checks.facts.tests import is_in_transaction, is_test
from celeryize.model import Where
from celeryize.patch.nodes import dotted

EAGER = (b"ALWAYS_EAGER", b"always_eager")
PROPAGATES = (b"EAGER_PROPAGATES", b"eager_propagates")
# What else keeps a test from the broker of the settings, or brings one for it.
REPLACED = (
    *(b"memory://", b"BROKER_URL", b"broker_url", b"celery_worker", b"celery_session_worker"),
    *(b"celery_app", b"celery_config", b"start_worker", b"testcontainers", b"fakeredis"),
    *(b"pytest_celery", b"django_db_setup_celery"),
)
MOCKS = ("mock", "patch", "monkeypatch", "mocker", "Stub", "Fake")
# What runs the callbacks of on_commit() in a test that never commits, and what does commit.
CAPTURES = re.compile(
    rb"captureOnCommitCallbacks|capture_on_commit_callbacks|run_commit_hooks|execute_on_commit"
    rb"|immediate_on_commit|on_commit\b[^\n]*(?:patch|side_effect|lambda)"
    rb"|(?:patch|setattr)[^\n]*on_commit"
)
COMMITS = (
    *(b"TransactionTestCase", b"transaction=True", b"transactional_db"),
    *(b"LiveServer", b"live_server"),
)
# What a test says that wants no task to be sent.
WANTS_NOTHING = re.compile(
    rb"not_called|not_sent|assertFalse|assertNot|assertIsNone|call_count\s*==\s*0"
    rb"|(,|==)\s*(0|\[\]|\(\))\s*(\)|,|$)|\((0|\[\]),|assert\s+not\b|\bnothing\b|roll_?(ed_)?back",
    re.M | re.I,
)
WAITING = frozenset({"delay_on_commit", "apply_async_on_commit"})
# What of the names that end so an app may read.
MAKES_EAGER = re.compile(r"(^|\.)(CELERY_(TASK_)?ALWAYS_EAGER|(task_)?always_eager)$")
WORKERS = frozenset({"celery_worker", "celery_session_worker"})
# What the settings of an app with the namespace CELERY are called, and what their old names are.
READ = {
    "CELERY_TASK_ALWAYS_EAGER": "CELERY_ALWAYS_EAGER",
    "CELERY_TASK_EAGER_PROPAGATES": "CELERY_EAGER_PROPAGATES_EXCEPTIONS",
}
# A setting with another first word is one of the project's own.
MEANT = re.compile(
    r"CELERY_[A-Z_]*(ALWAYS_EAGER|EAGER_PROPAGATES)[A-Z_]*"
    r"|(TASK_)?(ALWAYS_EAGER|EAGER_PROPAGATES(_EXCEPTIONS)?)"
)
OVERRIDES = frozenset({"override_settings", "modify_settings", "settings"})


@check("celery.W700", grouped=True)
def test_reaches_broker(facts: Facts) -> Iterator[Occurrence]:
    """A test sends a task to the broker of the settings.

    What happens: The test waits for a broker, or passes and leaves a message behind, which the next
        worker runs with keys of rows that are gone.
    How it looks: kombu.exceptions.OperationalError; or a test that passes while no task has run
    Why: Nothing makes the tasks of the tests eager, and nothing replaces the broker.
    Fix: Call the task as a function, or task.apply(args=(...)); or CELERY_TASK_ALWAYS_EAGER and
        CELERY_TASK_EAGER_PROPAGATES in the settings of the tests.
    Source: https://docs.celeryq.dev/en/stable/userguide/testing.html
    """
    if _never_reaches(facts):
        return
    for code in facts.tests.files_with(b".delay", b".apply_async"):
        if _is_replaced(facts, code):
            continue
        for call in code.calls_of(*SENDS):
            if not isinstance(call.func, ast.Attribute) or not is_test(code, call):
                continue
            task = facts.tasks.named_by(code, call.func.value)
            if task is None:
                continue
            yield Occurrence(
                f"this test sends {task.node.name} to the broker of the settings, and no worker "
                "of its own runs it",
                code.where(call),
                f"Call {ast.unparse(call.func.value)}.apply(args=(...)), or make the tests eager.",
            )


def _is_replaced(facts: Facts, code: Code) -> bool:
    """Whether a test file, a conftest.py that counts for it, or a base class of its tests replaces
    what sends."""
    if code.has(*MOCKS):
        return True
    tests = set(facts.code.test_files)
    shared = [folder / "conftest.py" for folder in code.path.parents]
    for module, name in code.imported.values():
        found = (facts.modules.find(full) for full in (module, f"{module}.{name}"))
        shared += [path for path in found if path is not None]
    return any(
        facts.code.has(path, *MOCKS) and facts.code.has(path, *SENDS, "celery")
        for path in tests.intersection(shared)
    )


def _never_reaches(facts: Facts) -> bool:
    """Whether anything may make tasks eager in tests, or give the tests a broker of their own."""
    if facts.tests.mention(*EAGER, *REPLACED):
        return True
    if facts.deployment.exports("ALWAYS_EAGER"):
        return True
    runner = facts.settings.first("TEST_RUNNER")
    if runner is not None and "celery" in ast.unparse(runner.value).lower():
        return True
    # the settings, or the project's own test runner: all that mentions Celery is parsed already
    return any(code.has(*(text.decode() for text in EAGER)) for code in facts.code.relevant)


def _app_codes(facts: Facts) -> list[Code]:
    return [facts.app_code] if facts.app_code else []


@check("celery.I701")
def failures_pass(facts: Facts) -> Iterator[Occurrence]:
    """Tasks are eager in the tests, and their exceptions are kept from the tests.

    What happens: A test passes though the task that it sends has failed.
    How it looks: (nothing: `.delay()` returns an EagerResult with the state FAILURE)
    Why: An eager task keeps its exception for get(), unless CELERY_TASK_EAGER_PROPAGATES is on.
    Fix: CELERY_TASK_EAGER_PROPAGATES = True beside CELERY_TASK_ALWAYS_EAGER
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#task-eager-propagates;
        reproduced with Celery 5.7
    """
    if facts.tests.mention(*PROPAGATES):
        return
    places = [place for code in facts.tests.files_with(*EAGER) for place in _eager_places(code)]
    if not places:
        return
    read = [*facts.settings.files, *(code.path for code in _app_codes(facts))]
    words = [text.decode() for text in PROPAGATES]
    if any(facts.code.has(path, *words) for path in read):
        return
    # settings that all tests have, before what one test overrides
    code, node = min(places, key=lambda place: isinstance(place[1], ast.expr))
    yield Occurrence(
        "tasks are eager in the tests, and a test passes though its task has failed",
        code.where(node),
        "Set CELERY_TASK_EAGER_PROPAGATES (task_eager_propagates) to True beside it.",
    )


def _eager_places(code: Code) -> Iterator[tuple[Code, ast.expr | ast.stmt]]:
    """Where a file makes tasks eager: an assignment, or an argument."""
    for assign in code.assigns:
        if isinstance(assign, ast.Assign) and is_true(assign.value):
            if MAKES_EAGER.search(dotted(assign.targets[0])):
                yield code, assign
    for call in code.calls:
        for keyword in call.keywords:
            if MAKES_EAGER.search(keyword.arg or "") and is_true(keyword.value):
                yield code, call


@check("celery.E702")
def override_is_not_read(facts: Facts) -> Iterator[Occurrence]:
    """A test overrides a setting under a name that the app does not read.

    What happens: The override has no effect: the tasks go to the broker, or failures pass.
    How it looks: (nothing)
    Why: The app reads CELERY_TASK_ALWAYS_EAGER, with the prefix of its namespace. The old name
        CELERY_ALWAYS_EAGER only counts where the new one is not set; and what the code writes to
        app.conf beats both.
    Fix: @override_settings(CELERY_TASK_ALWAYS_EAGER=True, CELERY_TASK_EAGER_PROPAGATES=True)
    Source: celery/app/utils.py, Settings; reproduced with Celery 5.7
    """
    apps = facts.project.celery
    if len(apps) != 1 or not apps[0].reads_django_settings:
        return
    for code in facts.tests.files_with(*EAGER, *PROPAGATES):
        for name, node in _overrides(code):
            problem = _why_ignored(facts, name)
            if problem:
                yield Occurrence(
                    f"this override has no effect: {problem}",
                    code.where(node),
                    _what_instead(name, problem),
                )


def _overrides(code: Code) -> Iterator[tuple[str, ast.expr | ast.stmt]]:
    """The settings about eager tasks that a file of tests overrides."""
    for call in code.calls:
        if dotted(call.func).rpartition(".")[2] in OVERRIDES:
            for keyword in call.keywords:
                if keyword.arg and MEANT.fullmatch(keyword.arg):
                    yield keyword.arg, call
    for assign in code.assigns:
        target = assign.targets[0] if isinstance(assign, ast.Assign) else None
        if not isinstance(target, ast.Attribute) or dotted(target.value) != "settings":
            continue
        # of pytest-django, or django.conf: both are what the app reads
        if MEANT.fullmatch(target.attr):
            yield target.attr, assign


def _what_instead(name: str, problem: str) -> str:
    right = _right_name(name)
    if "app.conf" in problem:
        return "Remove that line, or set app.conf in the tests as well."
    return f"Override {right} instead."


def _right_name(name: str) -> str:
    if "PROPAGATES" in name:
        return "CELERY_TASK_EAGER_PROPAGATES"
    return "CELERY_TASK_ALWAYS_EAGER"


def _why_ignored(facts: Facts, name: str) -> str:
    """Why the app does not read a setting about eager tasks; empty where it does."""
    right = _right_name(name)
    key = right.removeprefix("CELERY_").lower()
    for written, where in facts.project.celery[0].conf_writes:
        if written == key and _is_always_run(facts, where):
            return f"{where} sets app.conf.{key}, which beats the settings"
    if name == right:
        return ""
    if name != READ[right]:
        return f"the app reads {right}, not {name}"
    for setting in facts.settings.named(right):
        return f"{setting.where} sets {right}, which beats the old name {name}"
    return ""


def _is_always_run(facts: Facts, where: Where) -> bool:
    """Whether a line of the app file is a statement of the module itself, below no condition."""
    code = facts.app_code
    if code is None or code.path != where.path:
        return False
    return any(statement.lineno == where.line for statement in code.source.tree.body)


@check("celery.W703")
def worker_sees_no_rows(facts: Facts) -> Iterator[Occurrence]:
    """A test with a worker keeps its rows in a transaction that the worker cannot see.

    What happens: The task does not find what the test has created, or waits for its lock.
    How it looks: Order.DoesNotExist; or sqlite3.OperationalError: database table is locked
    Why: django_db and TestCase wrap a test in a transaction. The worker of the fixture
        celery_worker runs in another thread, with a connection of its own.
    Fix: @pytest.mark.django_db(transaction=True), or TransactionTestCase
    Source: https://pytest-django.readthedocs.io/en/latest/helpers.html#pytest.mark.django_db;
        celery#4511
    """
    for code in facts.tests.files_with(*map(str.encode, WORKERS)):
        for function in code.functions:
            names = {argument.arg for argument in function.args.args}
            if not function.name.startswith("test") or not names & WORKERS:
                continue
            if is_in_transaction(code, function.body[0]):
                yield Occurrence(
                    f"the worker cannot see the rows of {function.name}: they are in a transaction "
                    "that is never committed",
                    code.where(function),
                    "Mark it with django_db(transaction=True).",
                )


@check("celery.W704", grouped=True)
def never_committed(facts: Facts) -> Iterator[Occurrence]:
    """A test waits for a task that is sent on commit, and nothing is committed.

    What happens: The task is not sent, and does not run: what the test asserts about it is not
        tested, or fails.
    How it looks: AssertionError: 0 != 1; or a test that passes while no task has run
    Why: TestCase and django_db wrap each test in a transaction that is rolled back. on_commit() and
        delay_on_commit() do nothing in it.
    Fix: with self.captureOnCommitCallbacks(execute=True): ..., the fixture
        django_capture_on_commit_callbacks, or TransactionTestCase
    Source: https://docs.djangoproject.com/en/stable/topics/testing/tools/#django.test.TestCase.captureOnCommitCallbacks
    """
    for code in facts.tests.files_with(b"delay_on_commit(", b"apply_async_on_commit("):
        if CAPTURES.search(code.bare.encode()):
            continue
        for call in code.calls_of(*WAITING):
            if not isinstance(call.func, ast.Attribute):
                continue
            task = facts.tasks.named_by(code, call.func.value)
            if task is None or not is_test(code, call) or not is_in_transaction(code, call):
                continue
            function = code.function_of(call)
            if function is not None and WANTS_NOTHING.search(_text_of(code, function)):
                continue
            yield Occurrence(
                f"{task.node.name}.{call.func.attr}() sends nothing here: this test never commits",
                code.where(call),
                "Put it into `with captureOnCommitCallbacks(execute=True):`.",
            )
    yield from _mails_never_sent(facts)


def _mails_never_sent(facts: Facts) -> Iterator[Occurrence]:
    """Tests that count mails, where all mails are sent by tasks that wait for a commit."""
    if facts.tests.match(CAPTURES, b"ommit") or facts.tests.mention(*COMMITS):
        return
    if not facts.tests.mention(*EAGER) or not _mails_wait(facts):
        return
    for code in facts.tests.files_with(b"mail.outbox"):
        for node in _counted_mails(code):
            if is_test(code, node) and is_in_transaction(code, node):
                yield Occurrence(
                    "no mail is in the outbox: each is sent by a task that waits for a commit, "
                    "and this test never commits",
                    code.where(node),
                    "Send the request in `with captureOnCommitCallbacks(execute=True):`.",
                )


def _counted_mails(code: Code) -> Iterator[ast.Attribute]:
    """Each `mail.outbox` of a file that is looked at after a request of the test client."""
    for node in code.of(ast.Attribute):
        if dotted(node).endswith("mail.outbox"):
            function = code.function_of(node)
            calls = code.within(function) if function else ()
            if any(_is_request(call) for call in calls):
                yield node


def _is_request(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    return re.search(r"\bclient\.(post|put|patch)$", dotted(node.func)) is not None


def _mails_wait(facts: Facts) -> bool:
    """Whether every mail is sent by a task, and each of these tasks is only sent on commit."""
    sends = re.compile(rb"send_mail|EmailMessage|EmailMultiAlternatives|send_mass_mail|email_user")
    places = {path for path in facts.code.files if sends.search(facts.code.raw(path))}
    mailing = [task for task in facts.tasks if sends.search(_text_of(task.code, task.node))]
    if not mailing or places - {task.code.path for task in mailing}:
        return False
    names = {task.node for task in mailing}
    waits = False
    for code in facts.code.relevant:
        for call in code.calls:
            if not isinstance(call.func, ast.Attribute) or call.func.attr not in SENDERS:
                continue
            task = facts.tasks.named_by(code, call.func.value)
            if task is None or task.node not in names:
                continue
            if call.func.attr not in WAITING and not _is_inside_commit(code, call):
                return False
            waits = True
    return waits


def _text_of(code: Code, function: Function) -> bytes:
    lines = code.source.text.split("\n")[function.lineno - 1 : function.end_lineno]
    return "\n".join(lines).encode()


def _is_inside_commit(code: Code, call: ast.Call) -> bool:
    return any(
        isinstance(outer, ast.Call) and dotted(outer.func).endswith("on_commit")
        for outer in code.around(call)
    )
