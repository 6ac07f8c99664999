"""Warm yt-dlp: imported once, forked once per task, so that a task costs no start-up and dies alone.

Protocol: one JSON object a line. Standard input takes

    {"id", "kind": "extract", "url", "params", "cookies"}     extraction without download
    {"id", "kind": "select", "info", "params", "cookies"}     choice of formats of an earlier response, without network
    {"id", "kind": "download", "info", "params", "cookies"}   yt-dlp's own download of an earlier response
    {"id", "kind": "list", "url", "limit", "skip", "params", "cookies"}
                                                              the entries of a list, none of which is looked at
    {"id", "kind": "address", "url", "params"}                which extractor is responsible for an address
    {"id", "kind": "direct", "url", "params", "redirected", "headers", "head"}
                                                              what the generic extractor makes of a response
    {"id", "kind": "cancel"}                                  kills that task's process group

`address` and `direct` are questions: one process without network answers all of them, each with one line. `redirected`
is the address that the response came from, or null if that is the same; `head` is the beginning of its body in Base64.
Each but the last has "limits": {"memory", "cpu", "page"}, in bytes, seconds and bytes, and "access": {"read", "write",
"ports"}, or null for no sandbox; see sandbox.py and extraction/pages.py. Standard output gives {"ready": true,
"version"} once, then for each task any number of {"id", "progress"} or {"id", "part"} and exactly one {"id", "ok", ...}.
Lines of different tasks never mix. The end of standard input ends everything.
`cookies` is the text of a cookie file, or null; it stays in memory. A response to a task with cookies has them as `jar`, as
they are after it.
"""
import functools
import json
import os
import resource
import selectors
import shutil
import signal
import sys
import tempfile
import traceback

import yt_dlp
from yt_dlp import globals as ytdlp_globals

# PYTHONSAFEPATH keeps this folder off the path, so that no module here can hide one of Python's. So it goes last.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from extraction.failures import Failure, Log, failure_of  # noqa: E402
from extraction.processes import die_with_parent, kill_group, write_all  # noqa: E402
from extraction.answerer import Answerer  # noqa: E402
from extraction.questions import QUESTIONS  # noqa: E402
from extraction.session import extractor_for, warm_up  # noqa: E402
from extraction.tasks import confine, download, extract, line_of, list_entries, select  # noqa: E402

READ_BYTES = 1 << 16

TASKS = {'extract': extract, 'select': select, 'download': download, 'list': list_entries}


def run_task(task, fd):
    log = Log()

    def send(answer):
        write_all(fd, line_of({'id': task['id'], **answer}))

    try:
        send({'ok': True, **TASKS[task['kind']](task, log, send), 'warnings': log.warnings})
    except BaseException as error:  # a task answers whatever happens, even SystemExit
        if not getattr(error, 'expected', False) and not isinstance(error, Failure):
            traceback.print_exc()
        send({'ok': False, 'failure': failure_of(error, log)})


class Parent:
    """Reads tasks, forks, relays whole lines. Single-threaded, so that each fork is safe."""

    def __init__(self, out):
        self.out = out
        self.selector = selectors.DefaultSelector()
        self.children = {}  # id → pid
        self.questions = Answerer(self)
        self.pending = b''
        self.is_over = False

    def send(self, answer):
        write_all(self.out, json.dumps(answer).encode() + b'\n')

    def serve(self):
        self.read(0, self.on_input)
        self.send({'ready': True, 'version': yt_dlp.version.__version__})
        while not self.is_over:
            for key, _events in self.selector.select():
                key.data(key.fd)

    def read(self, fd, on_data):
        """From now on, calls back whenever there is something to read."""
        self.selector.register(fd, selectors.EVENT_READ, on_data)

    def remove(self, fd):
        self.selector.unregister(fd)
        os.close(fd)

    def on_input(self, fd):
        data = os.read(fd, READ_BYTES)
        self.is_over = not data
        *lines, self.pending = (self.pending + data).split(b'\n')
        for line in lines:
            self.on_request(json.loads(line), line)

    def on_request(self, task, line):
        if task['kind'] == 'cancel':
            pid = self.children.get(task['id'])
            if not self.questions.cancel(task['id']) and pid:
                kill_group(pid)
            return
        if task['kind'] in QUESTIONS:
            self.questions.ask(task, line)
            return
        if task['kind'] in ('extract', 'list'):  # not in the task, which would copy every page of memory that it reads
            task['extractor'] = extractor_for(task['url'])
        read_end, write_end = os.pipe()

        def run():
            confine(task)
            run_task(task, write_end)

        pid, folder = self.fork(run)
        os.close(write_end)
        self.children[task['id']] = pid
        child = {'id': task['id'], 'parts': [], 'folder': folder}
        self.read(read_end, functools.partial(self.on_child_output, child=child))
        self.send({'id': task['id'], 'pid': pid})

    def fork(self, run):
        """Starts a process that does this and ends, in a folder of its own that no other sees. Returns both."""
        folder = tempfile.mkdtemp(dir=os.getcwd())
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.chdir(folder)
            os.environ['HOME'] = os.environ['TMPDIR'] = tempfile.tempdir = folder
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            die_with_parent()
            for key in list(self.selector.get_map().values()):
                os.close(key.fd)
            self.selector.close()
            for fd in (*self.questions.others, self.out):
                os.close(fd)
            try:
                run()
            except BaseException:
                traceback.print_exc()
            os._exit(0)
        return pid, folder

    def on_child_output(self, fd, child):
        data = os.read(fd, READ_BYTES)
        if data:
            child['parts'].append(data)
            if data.endswith(b'\n'):  # a write of the child may end within a line
                write_all(self.out, b''.join(child['parts']))
                child['parts'] = []
            return
        self.remove(fd)
        pid = self.children.pop(child['id'])
        kill_group(pid)  # ends what the task started
        _pid, status = os.waitpid(pid, 0)
        shutil.rmtree(child['folder'], ignore_errors=True)
        out_of_time = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
        self.send({'id': child['id'], 'gone': True, 'out_of_time': out_of_time, 'rss': peak_rss_bytes()})

    def end(self):
        self.questions.end()
        for pid in self.children.values():
            kill_group(pid)


def peak_rss_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else peak * 1024


def main():
    out = os.dup(1)
    os.dup2(2, 1)  # what yt-dlp prints goes to the error output and never into the protocol
    if not os.environ.get('YTDLP_PLUGINS'):
        ytdlp_globals.plugin_dirs.value = []
    warm_up()
    parent = Parent(out)
    signal.signal(signal.SIGTERM, lambda *_args: sys.exit(0))
    try:
        parent.serve()
    finally:
        parent.end()


main()
