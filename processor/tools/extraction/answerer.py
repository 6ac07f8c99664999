"""The process that answers questions: apart from the warm parent, since addresses and headers are foreign."""
import collections
import os
import shutil

from .processes import kill_group, write_all
from .questions import serve

READ_BYTES = 1 << 16
# Questions that one process answers before another takes its place: what it keeps of them ends with it.
MAX_QUESTIONS = 500


class Answerer:
    """Started by the first question, and again by the next one after it has ended. It gets one question at a time."""

    def __init__(self, parent):
        self._parent = parent
        self._waiting = collections.deque()
        self._current = None
        self._pid = self._to = self._folder = None
        self._answer = bytearray()
        self._asked = 0

    @property
    def others(self):
        """File descriptors of the parent that no other process may inherit."""
        return () if self._to is None else (self._to,)

    def ask(self, question, line):
        self._waiting.append((question['id'], line))
        self._next()

    def cancel(self, number):
        """True if there is such a question. It ends with `gone`; one that is being answered takes its process along."""
        if number == self._current:
            kill_group(self._pid)
            return True
        for waiting in self._waiting:
            if waiting[0] == number:
                self._waiting.remove(waiting)
                self._parent.send({'id': number, 'gone': True})
                return True
        return False

    def end(self):
        if self._pid is not None:
            kill_group(self._pid)

    def _next(self):
        if self._current is not None or not self._waiting:
            return
        if self._pid is None:
            self._start()
        if self._to is None:  # it is ending
            return
        self._current, line = self._waiting.popleft()
        self._asked += 1
        try:
            write_all(self._to, line + b'\n')
        except BrokenPipeError:  # it has died, and its output ends next
            pass

    def _start(self):
        questions, self._to = os.pipe()
        answers, write_end = os.pipe()
        self._asked = 0
        self._pid, self._folder = self._parent.fork(lambda: self._run(questions, write_end))
        os.close(questions)
        os.close(write_end)
        self._parent.read(answers, self._on_output)

    @staticmethod
    def _run(questions, write_end):
        with open(questions, 'rb') as lines, open(write_end, 'wb') as answers:
            serve(lines, answers)

    def _on_output(self, fd):
        data = os.read(fd, READ_BYTES)
        if data:
            # a part of a line must not go out, since the lines of other tasks follow it
            self._answer += data
            if data.endswith(b'\n'):
                write_all(self._parent.out, self._answer)
                self._answer.clear()
                self._current = None
                if self._asked >= MAX_QUESTIONS:
                    self._close_questions()
                self._next()
            return
        self._parent.remove(fd)
        kill_group(self._pid)
        os.waitpid(self._pid, 0)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._close_questions()
        self._pid = None
        self._answer.clear()
        if self._current is not None:
            self._parent.send({'id': self._current, 'gone': True})
            self._current = None
        self._next()

    def _close_questions(self):
        if self._to is not None:
            os.close(self._to)
            self._to = None
