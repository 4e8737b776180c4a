"""How a task ends that does not succeed: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import TASK, Mistake, found_in, settings, tasks, with_twin

RETRY = "@shared_task(bind=True, max_retries=3)\ndef ship(self, pk):\n    try:\n        print(pk)\n"
SOFT = "from celery.exceptions import SoftTimeLimitExceeded\n"
BODY = "def ship(pk):\n    try:\n        print(pk)\n    except SoftTimeLimitExceeded:"
UNLIMITED = settings("", instead="CELERY_TASK_SOFT_TIME_LIMIT")
MISTAKES = [
    Mistake(
        "celery.W467",
        tasks(
            "@shared_task(bind=True, max_retries=0)  # <-\ndef ship(self, pk):\n    try:\n"
            "        print(pk)\n    except OSError as error:\n        raise self.retry(exc=error)\n"
        ),
        tasks(
            "@shared_task(bind=True, max_retries=0)\ndef ship(self, pk):\n    try:\n"
            "        print(pk)\n    except OSError as error:\n"
            "        raise self.retry(exc=error, max_retries=5)\n"
        ),
    ),
    Mistake(
        "celery.W467",
        tasks(
            "@shared_task(autoretry_for=(OSError,), max_retries=0)  # <-\ndef ship(pk):\n"
            "    print(pk)\n"
        ),
        tasks("@shared_task(max_retries=0)\ndef ship(pk):\n    print(pk)\n"),
    ),
    Mistake(
        "celery.W454",
        tasks(
            "@shared_task(autoretry_for=(OSError,))\ndef load():\n    try:\n        open('x')\n"
            "    except Exception as error:  # <-\n        print(error)\n"
        ),
        tasks(
            "@shared_task(autoretry_for=(OSError,))\ndef load():\n    try:\n        open('x')\n"
            "    except Exception as error:\n        print(error)\n        raise\n"
        ),
    ),
    Mistake(
        "celery.W454",
        tasks(
            "@shared_task(autoretry_for=(OSError, ValueError))\ndef load():\n    try:\n"
            "        open('x')\n    except (OSError, ValueError):  # <-\n        return None\n"
        ),
        tasks(
            "@shared_task(autoretry_for=(OSError, ValueError))\ndef load():\n    try:\n"
            "        open('x')\n    except ValueError:\n        return None\n"
        ),
    ),
    Mistake(
        "celery.E455",
        tasks(
            f"{RETRY}    except OSError as error:\n        raise self.retry(exc=error)\n"
            "    finally:\n        return 1  # <-\n"
        ),
        tasks(
            f"{RETRY}    except OSError as error:\n        raise self.retry(exc=error)\n"
            "    finally:\n        print(pk)\n    return 1\n"
        ),
    ),
    Mistake(
        "celery.W456",
        tasks(f"{RETRY}    except OSError:\n        raise self.retry(count_down=9)  # <-\n"),
        tasks(
            f"{RETRY}    except OSError:\n        raise self.retry(countdown=9, queue='celery')\n"
        ),
    ),
    Mistake(
        "celery.E612",
        tasks(
            f"{RETRY}    except OSError as error:\n        try:\n"
            "            raise self.retry(exc=error)\n"
            "        except self.MaxRetriesExceededError:  # <-\n            print('gone')\n"
        ),
        tasks(
            f"{RETRY}    except OSError:\n        try:\n            raise self.retry()\n"
            "        except self.MaxRetriesExceededError:\n            print('gone')\n"
        ),
    ),
    Mistake(
        "celery.E612",
        tasks(
            f"from celery.exceptions import MaxRetriesExceededError\n{RETRY}"
            "    except OSError as error:\n        try:\n"
            "            ship.retry(countdown=3, exc=error)\n"
            "        except MaxRetriesExceededError:  # <-\n            print('gone')\n"
        ),
        tasks(
            f"from celery.exceptions import MaxRetriesExceededError\n{RETRY}"
            "    except OSError as error:\n        try:\n"
            "            ship.retry(countdown=3, exc=error)\n"
            "        except (MaxRetriesExceededError, OSError):\n            print('gone')\n"
        ),
    ),
    Mistake(
        "celery.W613",
        {**UNLIMITED, **tasks(f"{SOFT}{TASK}{BODY}  # <-\n        print('late')\n")},
        tasks(f"{SOFT}{TASK}{BODY}\n        print('late')\n"),
    ),
    Mistake(
        "celery.W613",
        {
            **UNLIMITED,
            **tasks(
                f"from celery import exceptions\n{TASK}"
                f"{BODY.replace('Soft', 'exceptions.Soft')}  # <-\n        print('late')\n"
            ),
        },
        {
            **UNLIMITED,
            **tasks(f"{SOFT}@shared_task(soft_time_limit=30)\n{BODY}\n        print('late')\n"),
        },
    ),
    Mistake(
        "celery.W614",
        tasks(
            f"{TASK}def ship(pk):\n    try:\n        print(pk)\n    except OSError:\n"
            "        ship.apply_async(args=[pk], countdown=30)  # <-\n"
        ),
        tasks(
            f"{TASK}def ship(pk, tries=0):\n    try:\n        print(pk)\n    except OSError:\n"
            "        ship.apply_async(args=[pk, tries + 1], countdown=30)\n"
        ),
    ),
    Mistake(
        "celery.W614",
        tasks(
            "@shared_task(bind=True)\ndef ship(self, pk):\n    try:\n        print(pk)\n"
            "    except OSError:\n        self.delay(pk)  # <-\n"
        ),
        tasks(
            "@shared_task(bind=True)\ndef ship(self, pk, left=3):\n    try:\n        print(pk)\n"
            "    except OSError:\n        if left:\n            self.delay(pk, left)\n"
        ),
    ),
    Mistake(
        "celery.E615",
        tasks(
            f"{RETRY}    except OSError as error:\n"
            "        raise self.retry(args=(self, pk), exc=error)  # <-\n"
        ),
        tasks(
            f"{RETRY}    except OSError as error:\n        raise self.retry(args=(pk,), exc=error)\n"
        ),
    ),
    *(
        Mistake(
            "celery.E612",
            tasks(
                f"{RETRY}    except OSError as error:\n        try:\n"
                "            raise self.retry(exc=error)\n"
                "        except self.MaxRetriesExceededError:  # <-\n            print('gone')\n"
            ),
            tasks(
                f"{RETRY}    except OSError as error:\n        try:\n{before}"
                "            raise self.retry(exc=error)\n"
                "        except self.MaxRetriesExceededError:\n            print('gone')\n"
            ),
        )
        for before in (
            "            if self.request.retries > 2:\n"
            "                raise self.MaxRetriesExceededError()\n",
            "            give_up_late(self)\n",
        )
    ),
    Mistake(
        "celery.W614",
        tasks(
            f"{TASK}def ship(pk):\n    try:\n        print(pk)\n    except OSError:\n"
            "        ship.delay(pk)  # <-\n"
        ),
        tasks(
            f"{TASK}def ship(pk, last=False):\n    if last:\n        return\n    try:\n"
            "        print(pk)\n    except OSError:\n        ship.delay(pk, last=True)\n"
        ),
    ),
    Mistake(
        "celery.W454",
        tasks(
            "@shared_task(autoretry_for=(OSError,))\ndef load():\n    try:\n        open('x')\n"
            "    except KeyError:\n        raise\n"
            "    except Exception as error:  # <-\n        print(error)\n"
        ),
        tasks(
            "@shared_task(autoretry_for=(OSError,))\ndef load():\n    try:\n        open('x')\n"
            "    except OSError:\n        raise\n    except Exception as error:\n"
            "        print(error)\n"
        ),
    ),
    Mistake(
        "celery.W614",
        tasks(
            f"{TASK}def ship(pks):\n    try:\n        print(pks)\n    except OSError:\n"
            "        ship.delay(pks)  # <-\n"
        ),
        tasks(
            f"{TASK}def ship(pks):\n    try:\n        print(pks)\n    except OSError:\n"
            "        rest = pks[1:]\n        ship.delay(rest)\n"
        ),
    ),
    *(
        Mistake(
            "celery.W454",
            tasks(
                "@shared_task(autoretry_for=(OSError,))\ndef load():\n    try:\n        open('x')\n"
                "    except Exception as error:  # <-\n        logger.error(str(error))\n"
            ),
            tasks(
                "@shared_task(autoretry_for=(OSError,))\ndef load():\n    try:\n        open('x')\n"
                f"    except Exception as error:\n        {instead}\n"
            ),
        )
        for instead in ("reraise(error)", "load_from_the_copy()")
    ),
    # a condition that only writes to the log ends nothing
    Mistake(
        "celery.W614",
        tasks(
            f"{TASK}def ship(pk):\n    try:\n        print(pk)\n    except OSError as error:\n"
            "        if pk > 5:\n            print(error)\n        ship.delay(pk)  # <-\n"
        ),
        tasks(
            f"{TASK}def ship(pk):\n    try:\n        print(pk)\n    except OSError as error:\n"
            "        if pk > 5:\n            return\n        ship.delay(pk)\n"
        ),
    ),
    # a query does not raise what the network raises
    Mistake(
        "celery.W454",
        tasks(
            "from doctors.models import Doctor\n\n\n"
            "@shared_task(autoretry_for=(ConnectionError,))\ndef load(pk):\n"
            "    doctor = Doctor.objects.get(pk=pk)\n    try:\n        ask(doctor)\n"
            "    except ConnectionError:  # <-\n        print('no')\n        return False\n"
            "    return True\n"
        ),
        tasks(
            "from doctors.models import Doctor\n\n\n"
            "@shared_task(autoretry_for=(Exception,))\ndef load(pk):\n"
            "    doctor = Doctor.objects.get(pk=pk)\n    try:\n        ask(doctor)\n"
            "    except Exception:\n        print('no')\n        return False\n"
            "    return True\n"
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


def test_a_soft_limit_of_the_worker_counts(tmp_path):
    files = {
        **UNLIMITED,
        **tasks(f"{SOFT}{TASK}{BODY}\n        print('late')\n"),
        "Procfile": "worker: celery -A config worker --soft-time-limit=60\n",
    }
    assert "celery.W613" not in {identifier for identifier, _ in found_in(tmp_path, files)}
