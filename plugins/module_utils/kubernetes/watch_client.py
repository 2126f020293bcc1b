# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A list that one watch keeps current, for whoever waits: wakes at once, costs one request in five minutes, and never has the last word.

A watch can be cut, fall silent or miss nothing and still be late: what destroys is decided by `fresh`, never by `items`.
"""

from __future__ import annotations

import atexit
import random
import threading
from collections.abc import Iterator, Sequence
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.answers import Listing
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.calls_client import READ_BOUND, Call
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient, selection
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.errors import error_from_exception
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.events import Garbled, Lines, Shown, error_in, event_of
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import Kind
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.refusals import Expired, refusal
from ansible_collections.serverops.circleci.plugins.module_utils.transport.streams import Stream

WATCH = 300  # s after which the API ends a watch that nothing else ended
SLACK = 15.0  # s beyond them
SILENCE = 150.0  # s: the API sends a bookmark a minute (recorded), so one that skips two is not there any more
PAUSE, LONGEST_PAUSE = 0.5, 4.0  # s between two watches where the last one came to nothing
REFUSED_PAUSE = 8.0  # s: a refusal may end too, when rights are given back or a token is renewed
STOOD = 1.0  # s after which a watch that told nothing counts as one that stood
GOODBYE = 3.0  # s for the thread to end


class Mirror:
    """The objects of a list, kept current from the first question on until `close` or the end of the process. `wait` returns when they changed."""

    def __init__(self, client: KubernetesClient, kind: Kind, namespace: str = "", labels: str = "", fields: str = "") -> None:
        self._client, self._kind, self._namespace, self._selectors = client, kind, namespace, (labels, fields)
        self._shown = Shown(kind)
        self._news = threading.Condition()
        self._bells: list[threading.Event] = []
        self._changes = self._seen = 0
        self._failure: Optional[CollectionError] = None
        self._broken: Optional[float] = None  # since when no watch stands
        self._stream: Optional[Stream] = None
        self._lists_anew = False
        self._patience, self._bookmarked = SILENCE, False
        self._thread: Optional[threading.Thread] = None
        self._closed = threading.Event()

    def __enter__(self) -> Mirror:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def items(self) -> tuple[Json, ...]:
        """The objects as last seen, by namespace and name. Raises what hinders the watch: a refusal at once, the rest after half a minute."""
        self._begin()
        with self._news:
            self._seen = self._changes
            self._must_stand()
            return self._shown.items

    def fresh(self) -> tuple[Json, ...]:
        """The objects by a new list: for verdicts. Raises what a list raises."""
        listing = self._list()
        with self._news:
            if _is_older(listing.version, self._shown.version) and self._thread:
                self._lists_anew = True  # the API was restored from a copy: its watches of our version would stay silent for ever
                if self._stream:
                    self._stream.end()
        return listing.items

    def wait(self, seconds: float) -> bool:
        """Return True as soon as something changed since `items` or the last `wait`, False after `seconds`. Raises as `items`."""
        return wait_any((self,), seconds)

    def close(self) -> None:
        """End the watch; harmless when repeated."""
        self._closed.set()
        atexit.unregister(self.close)
        with self._news:
            if self._stream:
                self._stream.end()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(GOODBYE)

    # -- for wait_any ----------------------------------------------------------------------------------------

    def listen(self, bell: threading.Event) -> None:
        """Ring `bell` at every change; at once where one is not seen yet."""
        self._begin()
        with self._news:
            self._bells.append(bell)
            if self._changes != self._seen or self._lost:
                bell.set()

    def unlisten(self, bell: threading.Event) -> None:
        """No more."""
        with self._news:
            self._bells.remove(bell)

    def take_news(self) -> bool:
        """Whether something changed that was not seen yet; it then is. Raises as `items`."""
        with self._news:
            changed = self._changes != self._seen
            self._seen = self._changes
            self._must_stand()
            return changed

    # -- what it knows -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """The list, and then the watch: both once."""
        if self._thread or self._closed.is_set():
            return
        listing = self._list()
        self._shown.replace(listing)
        self._thread = threading.Thread(target=self._run, name=f"watch {self._kind.plural}", daemon=True)
        atexit.register(self.close)  # a module ends by sys.exit, whatever happened in it
        self._thread.start()

    def _list(self) -> Listing:
        return self._client.list(self._kind, self._namespace, *self._selectors)

    @property
    def _lost(self) -> Optional[CollectionError]:
        """Why what we show is not to be believed any more; None while it is."""
        error, since = self._failure, self._broken
        passing = isinstance(error, Unreachable) and error.retry and since is not None and self._client.calls.clock.now() - since < READ_BOUND
        return None if passing else error

    def _must_stand(self) -> None:
        error = self._lost
        if error:
            raise error

    def _ring(self, changed: bool = True) -> None:
        """With the lock held."""
        self._changes += changed
        for bell in self._bells if changed or self._lost else ():
            bell.set()

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._go_on()
        finally:
            if not self._closed.is_set():  # a fault of ours, whose traceback the thread prints: nobody must take the last list for the present one
                self._fail(Unreachable(f"the watch of {self._kind.words(self._namespace)} at {self._client.place} ended by itself", retry=False))

    def _go_on(self) -> None:
        """Watches, one after another, until `close`. The next follows at once on one that stood for a while or brought us on."""
        pause, poor, clock = 0.0, 0, self._client.calls.clock
        while not self._closed.wait(pause):
            began, version, after = clock.now(), self._shown.version, 0.0
            listed = self._lists_anew
            try:
                self._once()
            except Expired:
                self._lists_anew = True
            except Unreachable as error:
                after = error.after or 0.0
                self._fail(error)
            except CollectionError as error:
                after = REFUSED_PAUSE
                self._fail(error)
            brought_on = self._shown.version != version and not listed
            poor = 0 if brought_on or clock.now() - began > STOOD else poor + 1
            pause = max(after, _pause(poor))

    def _once(self) -> None:
        """One watch to its end, after a list where our version is none to go on from."""
        if self._lists_anew:
            listing = self._list()
            with self._news:
                self._lists_anew = False
                self._ring(changed=self._shown.replace(listing))
        self._watch()

    def _watch(self) -> None:
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        stream = self._open()
        try:
            for line in _lines(stream):
                self._hear(line, stream)
        except ReadTimeoutError:  # half dead. Where no bookmark ever came, silence proves nothing: be as patient as the API, the next time
            self._patience = SILENCE if self._bookmarked else WATCH + SLACK
        except HTTPError as error:
            if not self._closed.is_set():
                raise error_from_exception(error, self._client.place) from None
        except Garbled:
            raise Unreachable(f"a watch of {self._client.place} told what is no event; is a proxy between us?") from None
        finally:
            with self._news:
                self._stream = None
            stream.close()

    def _open(self) -> Stream:
        query = (*selection(*self._selectors), ("watch", "1"), ("allowWatchBookmarks", "true"))
        query += (("resourceVersion", self._shown.version), ("timeoutSeconds", str(WATCH)))
        stream = Stream(self._client.calls.open(Call("GET", self._kind.path(self._namespace), query)))
        stream.be_patient(self._patience)  # its begin came as quickly as any answer
        with self._news:
            self._stream = stream
            self._failure = self._broken = None
            if self._closed.is_set():
                stream.end()
        return stream

    def _hear(self, line: bytes, stream: Stream) -> None:
        event = event_of(line)
        if event is None:
            return
        failed = error_in(event)
        if failed:
            raise refusal(failed, self._client.place)
        if event.get("type") == "BOOKMARK" and self._patience != SILENCE:
            stream.be_patient(SILENCE)
            self._patience = SILENCE
        self._bookmarked = self._bookmarked or event.get("type") == "BOOKMARK"
        with self._news:
            if self._shown.apply(event):
                self._ring()

    def _fail(self, error: CollectionError) -> None:
        with self._news:
            self._broken = self._client.calls.clock.now() if self._broken is None else self._broken
            self._failure = error
            self._ring(changed=False)


def wait_any(mirrors: Sequence[Mirror], seconds: float) -> bool:
    """Return True as soon as any of them changed, False after `seconds`. Raises as `items`."""
    bell = threading.Event()
    for mirror in mirrors:
        mirror.listen(bell)
    try:
        bell.wait(max(0.0, seconds))
    finally:
        for mirror in mirrors:
            mirror.unlisten(bell)
    news = [mirror.take_news() for mirror in mirrors]  # of each one: none is skipped for another's sake
    return any(news)


def _lines(stream: Stream) -> Iterator[bytes]:
    lines = Lines()
    for piece in stream.pieces():
        yield from lines.feed(piece)


def _pause(poor: int) -> float:
    """Seconds to rest after so many watches in a row that came to nothing."""
    return random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, PAUSE * 2 ** min(poor - 1, 8)) if poor else 0.0


def _is_older(version: str, than: str) -> bool:
    return version.isdigit() and than.isdigit() and int(version) < int(than)
