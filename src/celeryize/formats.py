"""Findings for other programs: GitHub annotations, SARIF 2.1, JUnit XML, lines."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from celeryize import __version__
from celeryize.model import Finding, Severity
from celeryize.printable import printable_xml

# A finding's level in a GitHub workflow, and in SARIF.
LEVELS = {
    Severity.ERROR: ("error", "error"),
    Severity.WARNING: ("warning", "warning"),
    Severity.INFO: ("notice", "note"),
}


PAGES = "https://celeryize.github.io/celeryize/checks/"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a program is told about a check: its title, what goes wrong and why, and what to do."""

    id: str
    title: str
    text: str
    help: str
    severity: Severity

    @property
    def page(self) -> str:
        """The address of its page, the same for every version."""
        return page_of(self.id)


Rules = Mapping[str, Rule]
NO_RULES: Rules = {}


def page_of(identifier: str) -> str:
    """The address of the page of a check."""
    return f"{PAGES}{identifier.rpartition('.')[2]}/"


def github_annotations(
    findings: Sequence[Finding], ran: Sequence[str], rules: Rules = NO_RULES
) -> str:
    """A workflow command for each finding: GitHub shows it at its line.

    Source: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
    """
    # an annotation has a line of code; a check that found nothing has none
    del ran
    lines = []
    for finding in findings:
        place = ""
        if finding.where:
            place = f"file={_property(str(finding.where.path))},line={finding.where.line or 1},"
        text = finding.message
        if finding.hint:
            text += f"\n{finding.hint}"
        if finding.id in rules:
            text += f"\n{rules[finding.id].page}"
        level = LEVELS[finding.severity][0]
        lines.append(f"::{level} {place}title={_property(finding.id)}::{_data(text)}")
    return "\n".join(lines)


def _data(text: str) -> str:
    """The percent sign first, for the others add some."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def sarif_log(findings: Sequence[Finding], ran: Sequence[str], rules: Rules = NO_RULES) -> str:
    """A SARIF 2.1.0 log with one run; every check that ran is a rule.

    Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    results = []
    for finding in findings:
        text = finding.message
        if finding.hint:
            text += f". {finding.hint}"
        result: dict[str, object] = {
            "ruleId": finding.id,
            "level": LEVELS[finding.severity][1],
            "message": {"text": text},
        }
        if finding.where:
            result["locations"] = [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": _uri_of(finding.where.path)},
                        "region": {"startLine": finding.where.line or 1},
                    }
                }
            ]
        results.append(result)
    # a finding of something that is no check (a step of the live proof) has its rule, too
    names = dict.fromkeys([*ran, *(finding.id for finding in findings)])
    driver = {
        "name": "celeryize",
        "version": __version__,
        "informationUri": PAGES.removesuffix("checks/"),
        "rules": [_sarif_rule(identifier, rules) for identifier in names],
    }
    return json.dumps(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "results": results}],
        },
        indent=2,
        ensure_ascii=False,
    )


def _sarif_rule(identifier: str, rules: Rules) -> dict[str, object]:
    rule = rules.get(identifier)
    if rule is None:
        return {"id": identifier}
    return {
        "id": identifier,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.text},
        "help": {"text": rule.help},
        "helpUri": rule.page,
        "defaultConfiguration": {"level": LEVELS[rule.severity][1]},
    }


def _uri_of(path: PurePosixPath) -> str:
    """A path as a relative URI (RFC 3986); of one outside of the project, as a file URI."""
    text = quote(os.fsencode(path))
    if path.is_absolute():
        return f"file://{text}"
    return text


def junit_suite(findings: Sequence[Finding], ran: Sequence[str], rules: Rules = NO_RULES) -> str:
    """A test suite with a case for each check that ran; errors and warnings are its failures."""
    # an information is not a failure
    cases = []
    failed = 0
    for identifier in ran:
        own = [f for f in findings if f.id == identifier and f.severity is not Severity.INFO]
        failed += bool(own)
        if not own:
            cases.append(f'  <testcase classname="celeryize" name={quoteattr(identifier)}/>')
            continue
        lines = [f"{f.where or 'the project'}: {f.message}" for f in own]
        if identifier in rules:
            lines.append(f"More: {rules[identifier].page}")
        text = printable_xml("\n".join(lines))
        first = printable_xml(own[0].message)
        cases.append(
            f'  <testcase classname="celeryize" name={quoteattr(identifier)}>'
            f"<failure message={quoteattr(first)}>{escape(text)}</failure></testcase>"
        )
    return "\n".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            f'<testsuite name="celeryize" tests="{len(ran)}" failures="{failed}">',
            *cases,
            "</testsuite>",
        ]
    )


def compiler_lines(findings: Sequence[Finding], ran: Sequence[str], rules: Rules = NO_RULES) -> str:
    """`path:line:column: severity: message [id]`, as compilers have it: what editors and the
    problem matcher of integrations/ read.
    """
    del ran, rules
    lines = []
    for finding in findings:
        place = "pyproject.toml:1"
        if finding.where:
            place = f"{finding.where.path}:{finding.where.line or 1}"
        message = " ".join(finding.message.split())
        lines.append(f"{place}:1: {finding.severity}: {message} [{finding.id}]")
    return "\n".join(lines)


FORMATS: Mapping[str, Callable[[Sequence[Finding], Sequence[str], Rules], str]] = {
    "github": github_annotations,
    "sarif": sarif_log,
    "junit": junit_suite,
    "lines": compiler_lines,
}
