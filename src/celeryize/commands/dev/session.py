"""The running session: starts the programs, restarts them after a change, ends all of them."""

from __future__ import annotations

import queue
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from celeryize.commands.dev.broker import without_false_mask
from celeryize.commands.dev.child import Child, Program
from celeryize.commands.dev.failure import short_failure
from celeryize.commands.dev.syntax import Broken, find_broken
from celeryize.commands.dev.watching import Change
from celeryize.ui.view import View

# Seconds that a running task gets before its worker is restarted, or ended.
PATIENCE = 10.0
# Seconds after which it is said what is waited for, and that a cold shutdown gets.
SAID_AFTER, COLD = 0.7, 1.5
# Seconds after a start in which nothing else takes the processor.
CALM = 1.0
# Seconds between two looks at what is waited for.
TICK = 0.1
# Names in a line before it says "and 3 more".
MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class LineEnded:
    """A program has ended, with its exit code."""

    child: Child
    code: int


@dataclass(frozen=True, slots=True)
class Imported:
    """A worker has imported the project and waits for the word to go."""

    child: Child


@dataclass(frozen=True, slots=True)
class NobodyReads:
    """The terminal, or the program at the other end of the pipe, is gone."""


Event = Change | LineEnded | Imported | NobodyReads


class Service:
    """One program through its restarts.

    `current` runs; `coming` is a worker that waits for the end of the one before it. `spare` has
    the libraries for the next one: `early` is its program, None where there is to be no spare.
    """

    def __init__(
        self,
        program: Program,
        *,
        waits: bool,
        early: Program | None = None,
        again: Program | None = None,
    ) -> None:
        self.program = program
        # what it is restarted as, where that is not the same
        self.again = again or program
        self.waits = waits
        self.early = early
        self.spare: Child | None = None
        # whether it waits for the word, and when the next one may be started
        self.is_warm = False
        self.spare_at = 0.0
        self.current: Child | None = None
        self.coming: Child | None = None
        self.imported = False
        # what the coming one has printed, while another one runs
        self.kept: list[str] = []
        # when the current one was asked to end, and whether that was said, and cut short
        self.asked = 0.0
        self.said = False
        self.cut = False

    def ask_to_end(self) -> None:
        """Ask the current one to finish what it runs, and to end."""
        if self.current and not self.asked:
            self.asked = time.monotonic()
            self.said = self.cut = False
            self.current.send(signal.SIGTERM)

    def forget_current(self) -> None:
        """It has ended."""
        self.current = None
        self.asked = 0.0


class DevSession:
    """Runs until Ctrl-C. Every program, and every line of theirs, passes through here."""

    def __init__(
        self,
        view: View,
        root: Path,
        python: Path,
        token: str,
        services: list[Service],
        bare: frozenset[str] = frozenset(),
    ) -> None:
        """`bare` are the addresses of servers that have no password."""
        self._view = view
        self._bare = bare
        self._root = root
        self._python = python
        self._token = token
        self._services = services
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._broken: set[Path] = set()
        # whether what runs has older code than what is coming
        self._outdated = False
        # what has ended by itself, with its exit code
        self._failed: dict[str, int] = {}

    def note_change(self, change: Change) -> None:
        """What the watcher calls."""
        self._events.put(change)

    def run(self) -> None:
        """Start everything, and handle what happens until KeyboardInterrupt."""
        for service in self._services:
            self._begin(service)
        while True:
            event = self._next_event()
            match event:
                case Change():
                    self._changed(event)
                case Imported():
                    self._imported(event.child)
                case LineEnded():
                    self._ended(event.child, event.code)
                case NobodyReads():
                    raise KeyboardInterrupt
                case None:
                    pass
            self._advance()

    def end(self) -> None:
        """End everything, Beat and web first; a worker gets the time for what it runs."""
        for name, code in self._failed.items():
            self._say(f"{name} had ended with {code}: its lines are above")
        for service in self._services:
            for child in (service.coming, service.spare):
                if child:
                    child.kill()
            service.ask_to_end()
        running = [service for service in self._services if service.current]
        try:
            while running:
                event = self._next_event()
                if isinstance(event, LineEnded):
                    for service in running:
                        if service.current is event.child:
                            service.forget_current()
                for service in running:
                    self._hurry(service, "a second Ctrl-C ends it at once")
                running = [service for service in running if service.current]
        finally:
            self.kill()

    def kill(self) -> None:
        """End everything at once; returns when it is gone."""
        children = [c for s in self._services for c in (s.current, s.coming, s.spare) if c]
        for child in children:
            child.kill()
        for child in children:
            child.wait(5)

    # -- events

    def _next_event(self) -> Event | None:
        waiting = any(service.asked or service.spare_at for service in self._services)
        try:
            # a wait without an end cannot be interrupted on every system
            return self._events.get(timeout=TICK if waiting else 3600)
        except queue.Empty:
            return None

    def _changed(self, change: Change) -> None:
        # an editor that saves twice, or git: what has come meanwhile belongs to it
        if change.python:
            self._python_changed(change.python)
        elif change.templates:
            for service in self._services:
                if service.program.name == "web":
                    self._say(f"{self._names(change.templates)} changed: web restarts")
                    self._restart(service)

    def _python_changed(self, paths: tuple[Path, ...]) -> None:
        broken = find_broken(self._python, [*paths, *sorted(self._broken - set(paths))])
        self._broken = {one.path for one in broken}
        if broken:
            for one in broken:
                self._show_broken(one)
            self._say("what runs goes on, with the code from before; it reloads when this is fixed")
            return
        self._say(f"{self._names(paths)} changed: reloading")
        self._outdated = True
        for service in self._services:
            if not service.waits:
                continue
            if service.coming:
                service.coming.kill()
            service.imported = False
            service.kept = []
            service.coming = self._start(service)
        if not any(service.waits for service in self._services):
            self._swap()

    def _imported(self, child: Child) -> None:
        for service in self._services:
            if service.spare is child:
                service.is_warm = True
            elif service.coming is child:
                service.imported = True
                self._show_kept(service)
                if self._outdated:
                    self._swap()

    def _swap(self) -> None:
        """The project can be imported: everything is asked to end, for the new ones to come."""
        self._outdated = False
        for service in self._services:
            self._restart(service)

    def _restart(self, service: Service) -> None:
        """Have a program end and begin; one that has ended by itself begins."""
        if service.current is None and not service.waits:
            self._begin(service)
        service.ask_to_end()

    def _ended(self, child: Child, code: int) -> None:
        for service in self._services:
            name = service.program.name
            if service.spare is child:
                # without one, the next start takes longer
                service.spare, service.early = None, None
            elif service.coming is child:
                service.coming = None
                self._show_failure(service)
                if service.current:
                    self._say(f"{name}: the new code does not start; the one before goes on")
                else:
                    self._say(f"{name}: ended with {code}; it starts again {self._when_again()}")
            elif service.current is child:
                asked = bool(service.asked)
                service.forget_current()
                if not asked:
                    self._failed[name] = code
                    self._say(f"{name}: ended with {code}; it starts again {self._when_again()}")
                elif not service.waits:
                    self._begin(service)

    def _advance(self) -> None:
        """What can go on now that something has happened, or some time has passed."""
        for service in self._services:
            self._hurry(service, "then it restarts")
            if service.spare_at and service.spare_at < time.monotonic() and service.early:
                service.spare_at = 0.0
                service.spare = Child(service.early, self._heard, self._gone)
            if service.coming and service.imported and service.current is None:
                service.current, service.coming = service.coming, None
                service.imported = False
                service.current.send(signal.SIGUSR1)

    def _hurry(self, service: Service, then: str) -> None:
        """Say what is waited for, and end what takes longer than it may."""
        if not (service.current and service.asked):
            return
        waited = time.monotonic() - service.asked
        name = service.program.name
        if waited > PATIENCE + COLD:
            service.current.kill()
        elif waited > PATIENCE and not service.cut:
            service.cut = True
            self._say(f"{name}: still running after {PATIENCE:g} s: cut off")
            # a cold shutdown puts tasks with acks_late back into the queue
            service.current.send(signal.SIGQUIT)
        elif waited > SAID_AFTER and not service.said:
            service.said = True
            self._say(f"{name}: finishes what it runs (up to {PATIENCE:g} s), {then}")

    # -- programs and their lines

    def _begin(self, service: Service) -> None:
        self._failed.pop(service.program.name, None)
        child = self._start(service)
        if service.waits:
            service.coming = child
            service.imported = False
        else:
            service.current = child
            service.program = service.again

    def _start(self, service: Service) -> Child:
        """A new process of a program: the spare one, where it has the libraries by now."""
        spare = service.spare
        if service.early and not spare:
            service.spare_at = time.monotonic() + CALM
        if spare is None or not service.is_warm:
            return Child(service.program, self._heard, self._gone)
        service.spare, service.is_warm = None, False
        service.spare_at = time.monotonic() + CALM
        spare.send(signal.SIGUSR1)
        return spare

    def _heard(self, child: Child, line: str) -> None:
        if line == self._token:
            self._events.put(Imported(child))
            return
        for service in self._services:
            if service.coming is child and service.current and not service.imported:
                # while another one runs, a traceback is shown by its place and sentence alone
                service.kept.append(line)
                return
        self._show(child.program.name, line)

    def _gone(self, child: Child, code: int) -> None:
        self._events.put(LineEnded(child, code))

    # -- words

    def _when_again(self) -> str:
        """When what has ended by itself is started again."""
        if not self._broken:
            return "at the next change"
        return f"when {self._names(tuple(sorted(self._broken)))} is fixed"

    def _say(self, text: str) -> None:
        self._show("dev", text)

    def _show(self, name: str, text: str) -> None:
        """Show a line; without a reader the session ends, and the lines are read on until then."""
        try:
            self._view.show_log(name, without_false_mask(text, self._bare))
        except (OSError, ValueError):
            self._events.put(NobodyReads())

    def _show_kept(self, service: Service) -> None:
        lines, service.kept = service.kept, []
        for line in lines:
            self._show(service.program.name, line)

    def _show_failure(self, service: Service) -> None:
        """Why new code did not start; all of its lines where they have no place in the project."""
        found = short_failure(service.kept, self._root)
        if found is None:
            self._show_kept(service)
            return
        service.kept = []
        place, sentence = found
        self._say(f"{place}: {sentence}")

    def _show_broken(self, broken: Broken) -> None:
        place = self._names((broken.path,))
        if broken.line:
            place = f"{place}:{broken.line}"
        self._say(f"{place}: {broken.message}")
        if broken.text:
            self._say(f"    {broken.text}")

    def _names(self, paths: tuple[Path, ...]) -> str:
        names = []
        for path in paths[:MOST_NAMES]:
            shown = path
            if path.is_relative_to(self._root):
                shown = path.relative_to(self._root)
            names.append(str(shown))
        text = ", ".join(names)
        if len(paths) > MOST_NAMES:
            text = f"{text} and {len(paths) - MOST_NAMES} more"
        return text
