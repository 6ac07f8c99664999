"""Questions that yt-dlp answers without the network. One process answers many of them, so none costs a fork."""
import base64
import io
import json

from yt_dlp.networking.common import Request, Response

from .failures import Failure, Log, failure_of
from .session import EXTRACTORS, NumberedYoutubeDL, extractor_for, open_ydl
from .tasks import confine, extracted, line_of


def address(question):
    """Which extractor is responsible for an address, and the headers that yt-dlp would send to it."""
    ydl = open_question(question)
    headers = {name: value for name, value in ydl.params['http_headers'].items() if name.lower() != 'accept-encoding'}
    return {'extractor': extractor_for(question['url']), 'headers': headers}


def direct(question):
    """What the generic extractor makes of a response that another program got, as the task `extract` would report it."""
    ydl = open_question(question)
    ydl.urlopen = GivenResponse(question).open
    return extracted(ydl, {**question, 'extractor': 'Generic', 'cookies': None}, question['log'])


QUESTIONS = {'address': address, 'direct': direct}


class ChoosingYoutubeDL(NumberedYoutubeDL):
    """Chooses the extractor for a redirect's target as quickly as for the address, and within the same limit."""

    def extract_info(self, url, download=True, ie_key=None, **options):
        chosen = ie_key or extractor_for(url)
        if chosen is None:  # yt-dlp would choose itself, without that limit, and others wait
            raise Failure('SlowChoice', 'Choosing the extractor takes too long')
        return super().extract_info(url, download, chosen, **options)


def open_question(question):
    ydl = open_ydl(question, question['log'], ChoosingYoutubeDL, skip_download=True)
    ydl._ies = dict(EXTRACTORS)  # instances that are created here must not reach another question
    ydl.params['sleep_interval_requests'] = 0  # no request is made, and others wait
    return ydl


class GivenResponse:
    """Stands for the network: it has one response, for the address itself and for the one that this redirects to."""

    def __init__(self, question):
        self._first = Request(question['url']).url
        self._final = question['redirected'] or self._first
        self._headers = question['headers']
        self._head = base64.b64decode(question['head'])

    def open(self, request):
        url = Request(request).url if isinstance(request, str) else request.url
        if url not in (self._first, self._final):
            raise Failure('OtherRequest', 'The generic extractor needs another response')
        return Response(io.BytesIO(self._head), self._final, self._headers)


def serve(questions, answers):
    """Answers a line with a line, until there are no more. What the first question allows is all that this process may do."""
    for number, line in enumerate(questions):
        question = json.loads(line)
        if number == 0:
            confine(question)
        answers.write(answer_to(question))
        answers.flush()


def answer_to(question):
    question['log'] = log = Log()
    try:
        answer = {'ok': True, **QUESTIONS[question['kind']](question), 'warnings': log.warnings}
        return line_of({'id': question['id'], 'gone': True, **answer})
    except BaseException as error:  # every question gets its line, even after SystemExit
        return line_of({'id': question['id'], 'gone': True, 'ok': False, 'failure': failure_of(error, log)})
