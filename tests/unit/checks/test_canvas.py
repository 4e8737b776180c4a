"""Canvas: a small broken project for each mistake, in several spellings, and healthy twins."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import DECLARED, Mistake, found_in, settings, tasks, view, with_twin

NO_BACKEND = settings("", instead="CELERY_RESULT_B")
DATABASE = DECLARED | settings(
    "CELERY_RESULT_BACKEND = 'db+sqlite:///x'\n", instead="CELERY_RESULT_B"
)
STEPS = """@shared_task
def tidy():
    return 1


@shared_task
def ship(parcel):
    return parcel


@shared_task(ignore_result=True)
def quiet(pk):
    return pk


@shared_task
def pair(a, b):
    return a


@shared_task
def alarm(request, exc, traceback):
    return None


"""


def canvas(body: str, imports: str = "from celery import chain, chord, group\n") -> dict[str, str]:
    """A module that composes tasks."""
    steps = "import celery\nfrom doctors import steps\nfrom doctors.steps import alarm, pair, quiet, ship, tidy\n"
    return {
        "doctors/steps.py": f"from celery import shared_task\n\n\n{STEPS}",
        "doctors/apps.py": "from django.apps import AppConfig\n\n\nclass DoctorsConfig(AppConfig):\n"
        '    name = "doctors"\n    default_auto_field = "django.db.models.BigAutoField"\n',
        **tasks("from doctors import steps\n"),
        "doctors/views.py": f"{imports}{steps}\n\n{body}",
    }


def call(expression: str, **more: str) -> dict[str, str]:
    """A function that evaluates an expression, which is marked."""
    return canvas(f"def f(pks):\n    return {expression}  # <-\n", **more)


MISTAKES = [
    # a step that returns nothing, and one that reads what it is given
    *(
        Mistake(
            "celery.W514",
            tasks(
                f"@shared_task\ndef load(pk){broken}\n\n\n"
                "@shared_task\ndef rate(pages):\n    return len(pages)\n\n\n"
                "def start():\n    (load.s(1) | rate.s()).delay()  # <-\n"
            ),
            tasks(f"@shared_task\ndef load(pk):\n    print(pk)\n\n\n{twin}"),
        )
        for broken, twin in [
            (
                ":\n    print(pk)",
                "@shared_task\ndef rate(pages):\n    return len(pages)\n\n\n"
                "def start():\n    (load.s(1) | rate.si([])).delay()\n",
            ),
            (
                " -> None:\n    for one in pk:\n        if one:\n            return\n    print(pk)",
                "@shared_task\ndef rate(pages=()):\n    return len(pages)\n\n\n"
                "def start():\n    (load.s(1) | rate.s()).delay()\n",
            ),
            (
                ":\n    def inner():\n        return 1\n\n    inner()",
                "@shared_task\ndef rate(pages):\n    return 1\n\n\n"
                "def start():\n    (load.s(1) | rate.s()).delay()\n",
            ),
            (
                ":\n    try:\n        pk += 1\n    except OSError:\n        raise",
                "@shared_task\ndef rate(pages):\n    if pages is None:\n        return 0\n"
                "    return len(pages)\n\n\ndef start():\n    (load.s(1) | rate.s()).delay()\n",
            ),
        ]
    ),
    *(
        Mistake(
            "celery.W514",
            tasks(
                "from celery import chain\n\n\n@shared_task\ndef load(pk):\n    print(pk)\n\n\n"
                "@shared_task\ndef rate(pages, urgent):\n    return len(pages)\n\n\n"
                f"def start():\n    {broken}  # <-\n"
            ),
            tasks(
                f"{load}\n\n\n@shared_task\ndef rate(pages, urgent):\n    return len(pages)\n\n\n"
                f"def start():\n    {broken}\n"
            ),
        )
        for broken, load in [
            (
                "chain(load.si(1), rate.s(urgent=True)).delay()",
                "from celery import chain\n\n\n@shared_task\ndef load(pk):\n    return [pk]",
            ),
            (
                "load.apply_async((1,), link=rate.s(True))",
                "@shared_task(bind=True)\ndef load(self, pk):\n    raise self.replace(greet.s(pk))",
            ),
            (
                "(load.s(1) | rate.s(True) | greet.s()).delay()",
                "@shared_task\ndef load(pk):\n    raise NotImplementedError",
            ),
            (
                "(load.s(1) | rate.s(True)).delay()",
                "@shared_task\n@counted\ndef load(pk):\n    print(pk)",
            ),
            (
                "(load.s(1) | rate.s(True)).apply_async()",
                "@shared_task\ndef load(pk):\n    if pk:\n        return pk",
            ),
        ]
    ),
    Mistake(
        "celery.E500",
        {**NO_BACKEND, **call("chord([ship.s(1), ship.s(2)])(ship.s())")},
        call("chord([ship.s(1), ship.s(2)])(ship.s())"),
    ),
    Mistake(
        "celery.E500",
        {**NO_BACKEND, **call("(group(ship.s(pk) for pk in pks) | ship.s()).delay()")},
        {**NO_BACKEND, **call("(group([ship.s(1)]) | ship.s()).delay()")},
    ),
    Mistake(
        "celery.E500",
        {
            **NO_BACKEND,
            **canvas(
                "def f(pks):\n    parts = celery.group([ship.s() for pk in pks])\n"
                "    return celery.chain(ship.s(1), parts, ship.s()).delay()  # <-\n"
            ),
        },
        {**NO_BACKEND, **call("chain(ship.s(1), group(ship.s(), ship.s())).delay()")},
    ),
    Mistake(
        "celery.E500",
        {
            **settings("CELERY_RESULT_BACKEND = 'rpc://'\n", instead="CELERY_RESULT_B"),
            **call(
                "parallel([ship.s(1), ship.s(2)], ship.s()).delay()",
                imports="from celery.canvas import chord as parallel\n",
            ),
        },
    ),
    Mistake(
        "celery.E510",
        call("chain(ship.s(1), tidy.s()).delay()"),
        call("chain(ship.s(1), tidy.si(), ship.si(2), ship.s()).delay()"),
    ),
    Mistake(
        "celery.E510",
        call("(ship.s(1) | steps.tidy.s()).delay()"),
        call("(ship.s(1) | steps.ship.s()).delay()"),
    ),
    Mistake(
        "celery.E510",
        canvas(
            "def f(pks):\n    last = celery.signature(  # <-\n        'doctors.steps.tidy'\n    )\n"
            "    return chain(ship.s(1), last).delay()\n"
        ),
        canvas(
            "def f(pks):\n    last = celery.signature('doctors.steps.tidy', immutable=True)\n"
            "    return chain(ship.s(1), last).delay()\n"
        ),
    ),
    Mistake(
        "celery.E510",
        call("chord([ship.s(pk) for pk in pks])(tidy.s())"),
        call("chord([ship.s(pk) for pk in pks])(tidy.si())"),
    ),
    Mistake(
        "celery.E510",
        call("ship.apply_async((1,), link=tidy.s())"),
        call("ship.apply_async((1,), link=[tidy.si(), ship.s()])"),
    ),
    Mistake(
        "celery.E510",
        call("ship.s(1).set(queue='a') | ship.s(2)"),
        call("ship.s(1).set(queue='a') | pair.s(2)"),
    ),
    Mistake(
        "celery.E510",
        call("chain(ship.s(1), group(ship.s(), tidy.s())).delay()"),
        call("chain(tidy.s(), group(ship.s(), pair.s(*pks))).delay()"),
    ),
    Mistake(
        "celery.E511",
        call("chain(tidy.s(), ship.si()).delay()"),
        call("chain(tidy.s(), ship.s()).delay()"),
    ),
    Mistake(
        "celery.E511",
        call("tidy.s() | pair.signature(args=(1,), immutable=True)"),
        call("tidy.s() | pair.signature(args=(1,))"),
    ),
    Mistake(
        "celery.E512",
        call("ship.apply_async((1,), link_error=pair.s())"),
        call("ship.apply_async((1,), link_error=[alarm.s(), ship.s(), tidy.si()])"),
    ),
    Mistake(
        "celery.E512",
        call("chain(ship.s(1), ship.s()).on_error(tidy.s()).delay()"),
        call("chain(ship.s(1), ship.s()).on_error(alarm.s()).delay()"),
    ),
    Mistake(
        "celery.W520",
        {**DATABASE, **call("chord([quiet.s(pk) for pk in pks])(ship.s())")},
        call("chord([quiet.s(pk) for pk in pks])(ship.s())"),
    ),
    Mistake(
        "celery.W520",
        {**DATABASE, **call("(group(ship.s(1), quiet.s(2)) | ship.s()).delay()")},
        {**DATABASE, **call("(group(ship.s(1), ship.s(2)) | quiet.s()).delay()")},
    ),
    Mistake(
        "celery.E530",
        call("group([ship(pk) for pk in pks]).delay()"),
        call("group([ship.s(pk) for pk in pks]).delay()"),
    ),
    Mistake(
        "celery.E530",
        call("celery.group(\n        ship.delay(pk) for pk in pks)()"),
        call("celery.group(steps.ship.s(pk) for pk in pks)()"),
    ),
    Mistake("celery.E530", call("chord([ship.s(1), ship.s(2)])(tidy())")),
    Mistake("celery.E530", call("(ship.s(1) | ship()).delay()")),
    Mistake(
        "celery.E531",
        call("chain(ship.s(1), ship).delay()"),
        canvas("def f(ship):\n    return chain(tidy.s(), ship).delay()\n"),
    ),
    Mistake(
        "celery.E531",
        call("ship.apply_async((1,), link=ship)"),
        call("ship.apply_async((1,), link=ship.s())"),
    ),
    Mistake(
        "celery.E540",
        call("ship.apply_async((1,), link=tidy.delay())"),
        call("ship.apply_async((1,), link=tidy.si())"),
    ),
    Mistake(
        "celery.E540",
        canvas(
            "def f(pks):\n    return ship.apply_async(\n        (1,),\n"
            "        link_error=steps.tidy.delay(),  # <-\n    )\n"
        ),
    ),
    Mistake(
        "celery.W550",
        canvas("def f(pks):\n    chain(tidy.s(), ship.s())  # <-\n"),
        canvas("def f(pks):\n    chain(tidy.s(), ship.s())()\n    ship.s(1).delay()\n"),
    ),
    Mistake(
        "celery.W550",
        canvas("def f(pks):\n    work = tidy.s() | ship.s()  # <-\n    return None\n"),
        canvas(
            "def f(pks):\n    work = tidy.s()\n    work |= ship.s()\n    work.on_error(alarm.s())\n"
            "    work.delay()\n"
        ),
    ),
    Mistake(
        "celery.W550",
        canvas("def f(pks):\n    ship.si(1)  # <-\n"),
        canvas("def f(pks):\n    return [ship.si(pk) for pk in pks]\n"),
    ),
    Mistake(
        "celery.W532",
        canvas("def f(pks):\n    ship.s(1)()  # <-\n"),
        canvas("def f(pks):\n    chain(ship.s(1), ship.s())()\n    ship(1)\n"),
    ),
    Mistake(
        "celery.W550",
        canvas("def f(on_commit):\n    on_commit(lambda: ship.si(1))  # <-\n"),
        canvas("def f(on_commit):\n    on_commit(lambda: ship.si(1).delay())\n"),
    ),
    Mistake(
        "celery.E533",
        tasks(
            "from celery import group\n\n\n@shared_task\ndef f(pks):\n"
            "    sent = group(greet.s(pk) for pk in pks)()\n    return sent.join()  # <-\n"
        ),
        tasks(
            "from celery import group\n\n\n@shared_task\ndef f(pks):\n"
            "    sent = group(greet.s(pk) for pk in pks)()\n    return sent.id\n\n\n"
            "def g(pks):\n    return group(greet.s(pk) for pk in pks)().get()\n"
        ),
    ),
    Mistake(
        "celery.E533",
        tasks(
            "@shared_task\ndef f():\n    return (greet.s('x') | greet.s()).delay().get()  # <-\n"
        ),
    ),
    Mistake(
        "celery.W552",
        tasks("@shared_task\ndef f():\n    return greet.s('x') | greet.s()  # <-\n"),
        tasks(
            "@shared_task(bind=True)\ndef f(self):\n    return self.replace(greet.s('x') | greet.s())\n\n\n"
            "def build():\n    return greet.s('x') | greet.s()\n"
        ),
    ),
    Mistake(
        "celery.W550",
        view("def add(request):\n    greet.map(['a', 'b'])  # <-\n"),
        view("def add(request):\n    greet.map(['a', 'b']).delay()\n"),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


def test_an_or_of_something_else_is_no_chain(tmp_path):
    view = "from django.db.models import Q\n\n\ndef f():\n    return Q(a=1) | Q(b=2) | ship\n"
    assert found_in(tmp_path, canvas(view)) == []
