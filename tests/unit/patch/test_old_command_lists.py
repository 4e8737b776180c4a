"""Command lines of Celery 3 that are written as lists."""

from __future__ import annotations

import pytest

from celeryize.patch.old_command_lists import modern_lists

CASES = [
    ('command: ["celery", "worker", "-A", "x"]', 'command: ["celery", "-A", "x", "worker"]'),
    (
        "command: ['celery', 'beat', '--app=x', '-l', 'info']",
        "command: ['celery', '--app=x', 'beat', '-l', 'info']",
    ),
    (
        "command: [celery,worker,-A,x,--maxtasksperchild=50]",
        "command: [celery,-A,x,worker,--max-tasks-per-child=50]",
    ),
    ('CMD ["celery", "-A", "x", "worker", "--autoreload"]', 'CMD ["celery", "-A", "x", "worker"]'),
    ('CMD [ "celeryd", "-c", "2" ]', 'CMD [ "celery", "-A", "blog", "worker", "-c", "2" ]'),
    ('CMD ["python", "manage.py", "celery", "worker"]', 'CMD ["celery", "-A", "blog", "worker"]'),
    ('CMD ["python3", "manage.py", "celerybeat"]', 'CMD ["celery", "-A", "blog", "beat"]'),
    (
        'CMD ["/venv/bin/celery", "worker", "-A", "x"]',
        'CMD ["/venv/bin/celery", "-A", "x", "worker"]',
    ),
    (
        "    command:\n      - celery\n      - worker\n      - -A\n      - x\n    image: web",
        "    command:\n      - celery\n      - -A\n      - x\n      - worker\n    image: web",
    ),
    (
        "    command:\r\n    - python\r\n    - manage.py\r\n    - celery\r\n    - worker\r\n",
        "    command:\r\n    - celery\r\n    - -A\r\n    - blog\r\n    - worker\r\n",
    ),
    # each word keeps its quotes, and the list its comma
    (
        "command: [celery, 'beat', '--app=x', -l, info,]",
        "command: [celery, '--app=x', 'beat', -l, info,]",
    ),
    (
        'args:\n- "celery"\n- "worker"\n- "-A"\n- "x"\n- "--maxtasksperchild"\n- "5"\n',
        'args:\n- "celery"\n- "-A"\n- "x"\n- "worker"\n- "--max-tasks-per-child"\n- "5"\n',
    ),
]


@pytest.mark.parametrize(("before", "after"), CASES)
def test_a_list_command_becomes_one_of_celery_5(before: str, after: str):
    assert modern_lists(before, "blog") == after
    assert modern_lists(after, "blog") == after


@pytest.mark.parametrize(
    "text",
    [
        'command: ["celery", "-A", "x", "worker", "-l", "info"]',
        'command: ["gunicorn", "celery.wsgi"]',
        '# command: ["celery", "worker", "-A", "x"]',
        "depends_on: [celery, worker]",
        "depends_on:\n  - celery\n  - worker\n",
        'command: ["celery", "inspect", "ping", "-A", "x"]',
        'command: ["sh", "-c", "celery worker -A x"]',
        "services: [celery, beat, redis]",
        # a comment or an anchor: the list is left to a person
        "command:\n  - celery  # the program\n  - worker\n  - -A\n  - x\n",
        "command:\n  - celeryd\n  # the app\n  - -A\n  - x\n",
        'command: ["celery", "-A", "x", "worker", "-A", "y"]',
        "command:\n  - &program celery\n  - worker\n  - -A\n  - x\n",
    ],
)
def test_anything_else_stays(text: str):
    assert modern_lists(text, "blog") == text
