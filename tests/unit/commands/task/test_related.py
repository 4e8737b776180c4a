"""add-task: the address behind a foreign key, and the rows that the generated tests make."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.commands.task.plan import Request
from celeryize.errors import UsageError
from tests import commands
from tests.conftest import make_tree
from tests.views import Recorder

HEAD = "from django.conf import settings\nfrom django.db import models\n\n\n"
CUSTOMER = """class Customer(models.Model):
    name = models.CharField(max_length=80)
    mail = models.EmailField()


"""
USER = """from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    phone = models.CharField(max_length=20)
"""
MEMBER = """from django.contrib.auth import models as auth
from django.db import models


class User(auth.AbstractBaseUser, auth.PermissionsMixin):
    address = models.EmailField(unique=True)
    joined = models.DateTimeField()
    USERNAME_FIELD = "address"
"""
WITHOUT_NAME = USER + "    username = None\n"
FOREIGN = USER.replace("django.contrib.auth.models", "shop.abstract_models")


@pytest.fixture
def wired(project: Path) -> Path:
    """The small project with Celery, and a model of users in the app people."""
    settings = project / "config/settings.py"
    text = settings.read_text().replace('"doctors",', '"doctors",\n    "people",')
    settings.write_text(text + 'AUTH_USER_MODEL = "people.User"\n')
    make_tree(project, {"people/__init__.py": "", "people/models.py": USER})
    commands.init(project, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    return project


def add(folder: Path, model: str, kind: str = "email", fields: str = "", **options: object) -> str:
    """The task and its test, for a model with these fields beside Customer."""
    if fields:
        body = "".join(f"    {line}\n" for line in fields.split("; "))
        text = f"{HEAD}{CUSTOMER}class {model}(models.Model):\n{body}"
        (folder / "doctors/models.py").write_text(text)
    request = Request("doctors.work", kind=kind, model=model, test=True, **options)
    commands.add_task(folder, Recorder(), request, yes=True, no_verify=True)
    files = (folder / "doctors/tasks.py", folder / "doctors/tests.py")
    return "".join(file.read_text() for file in files)


@pytest.mark.parametrize(
    ("field", "recipient", "made"),
    [
        ("payer = models.ForeignKey(Customer, models.CASCADE)", "payer.mail", "customer"),
        ('payer = models.ForeignKey("Customer", models.CASCADE)', "payer.mail", "customer"),
        ('payer = models.OneToOneField(to="doctors.Customer")', "payer.mail", "customer"),
        ("payer = models.ForeignKey(settings.AUTH_USER_MODEL)", "payer.email", "user"),
        ('payer: object = models.ForeignKey("people.User")', "payer.email", "user"),
    ],
)
def test_the_address_behind_a_foreign_key_is_found(wired, field, recipient, made):
    text = add(wired, "Bill", fields=field)
    assert 'Bill.objects.select_related("payer").get(pk=bill_id)' in text
    assert f"recipient_list=[bill.{recipient}]" in text
    assert "is None" not in text and "logging" not in text
    assert f"row = Bill.objects.create(payer={made})" in text
    assert "len(mail.outbox), 1" in text


@pytest.mark.parametrize(
    ("module", "logger"),
    [
        ("", "logging.getLogger(__name__)"),
        ("import logging\n\nlog = logging.getLogger(__name__)\n", "log"),
    ],
)
def test_a_key_that_may_be_null_is_looked_at(wired, module, logger):
    (wired / "doctors/tasks.py").write_text(module)
    text = add(wired, "Bill", fields="payer = models.ForeignKey(Customer, null=True)")
    assert "    if bill.payer is None:\n" in text
    assert f'        {logger}.warning("%r has no payer to send to", bill)\n        return\n' in text
    assert text.count("import logging\n") == 1
    assert "row = Bill.objects.create(payer=customer)" in text


def test_several_addresses_are_named(wired):
    fields = "buyer = models.ForeignKey(Customer); seller = models.ForeignKey(Customer)"
    with pytest.raises(
        UsageError, match=r"addresses: bill\.buyer\.mail, bill\.seller\.mail"
    ) as said:
        add(wired, "Bill", fields=fields)
    assert "recipient:str" in said.value.hint


def test_an_address_of_its_own_goes_before_that_of_another(wired):
    text = add(
        wired, "Bill", fields="to = models.EmailField(); payer = models.ForeignKey(Customer)"
    )
    assert "recipient_list=[bill.to]" in text and "select_related" not in text


@pytest.mark.parametrize(
    "field", ['other = models.ForeignKey("self", null=True)', "x = models.ForeignKey(Unknown)"]
)
def test_where_no_address_is_found_the_parameter_is_said(wired, field):
    with pytest.raises(UsageError, match="Bill has no EmailField") as said:
        add(wired, "Bill", fields=field)
    assert "recipient:str" in said.value.hint


@pytest.mark.parametrize(
    ("models", "row"),
    [
        (USER, 'username="x", email="someone@example.org"'),
        (WITHOUT_NAME, 'email="someone@example.org"'),
        (MEMBER, 'address="someone@example.org", joined=timezone.now()'),
        (FOREIGN, None),
    ],
)
def test_a_user_of_ones_own_is_made_and_mailed(wired, models, row):
    (wired / "people/models.py").write_text(models)
    text = add(wired, "people.User")
    assert (f"outbox), {0 if row is None else 1})") in text
    if row is None:
        assert "work(0)" in text and "# User has fields that only you can fill" in text
        return
    # the fields of the class come before those of its bases
    made = text.partition("User.objects.create(")[2].partition("\n        work")[0]
    for part in row.split(", "):
        assert part in made
    assert ("username" in made) == ("username" in row)


def test_a_row_that_a_signal_may_make_is_not_made_twice(wired):
    """A second profile of the user would break the one-to-one."""
    signals = "from django.db.models.signals import post_save\n# makes a Profile\n"
    fields = "user = models.OneToOneField(settings.AUTH_USER_MODEL)"
    (wired / "people/signals.py").write_text(signals)
    text = add(wired, "Profile", kind="model", fields=fields)
    assert "Profile.objects.create(" not in text and "work(0)" in text


def test_two_rows_of_one_model_are_not_made(wired):
    """They would have the same values, which a constraint may refuse."""
    fields = "buyer = models.ForeignKey(Customer); seller = models.ForeignKey(Customer)"
    text = add(wired, "Bill", kind="batch", fields=fields)
    assert "Bill.objects.create(" not in text and "work_chunk([])" in text
    assert "# Bill has fields that only you can fill" in text


def test_a_batch_is_tested_with_a_row(wired):
    text = add(wired, "Bill", kind="batch", fields="payer = models.ForeignKey(Customer)")
    assert 'with mock.patch.object(work_chunk, "delay") as sent:' in text
    assert "sent.assert_called_once_with([row.pk])" in text


def test_a_row_does_not_take_the_name_of_the_task(wired):
    request = Request("doctors.customer", kind="model", model="Bill", test=True)
    models = f"{HEAD}{CUSTOMER}class Bill(models.Model):\n    to = models.ForeignKey(Customer)\n"
    (wired / "doctors/models.py").write_text(models)
    commands.add_task(wired, Recorder(), request, yes=True, no_verify=True)
    assert "customer_row = Customer.objects" in (wired / "doctors/tests.py").read_text()
